//! What `reload` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::parse_duration_arg;

/// Arguments of `reload`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  haguard reload --plan\n  haguard reload --approve 3f9c1a2b04\n  \
    haguard reload --master-socket /run/haproxy-master.sock\n  haguard reload --confirm-within 90s\n\nIt loads the files \
    on disk into a new worker and proves that worker. It never restarts HAProxy.\n\nWith --confirm-within the \
    configuration files of before are put back, loaded and proven unless `haguard confirm ID` comes in time, even if \
    this shell is gone; maps, certificates and other files are not put back.\n\nExit codes: 0 reloaded and proven, 1 failed and the worker of \
    before is proven in force, 3 refused or no consent, 5 could not determine, 6 the world moved since the plan, 7 \
    busy or frozen, 8 changed but not proven, 130 interrupted before anything was done.")]
pub struct ReloadArgs {
    /// The unit, or the PID, of the HAProxy that is meant
    #[arg(value_name = "SERVICE")]
    pub service: Option<String>,
    /// Show the plan and the command that applies it; do nothing
    #[arg(long, conflicts_with = "approve")]
    pub plan: bool,
    /// Put back what only memory holds: states, weights, addresses, servers, map and ACL entries, certificates
    #[arg(long)]
    pub keep_runtime: bool,
    /// Apply the plan with this id, if it is still the plan of now
    #[arg(long, value_name = "ID")]
    pub approve: Option<String>,
    /// Go back to the configuration of before unless `haguard confirm` comes within this time, such as 90s
    #[arg(long, value_name = "D", value_parser = parse_duration_arg)]
    pub confirm_within: Option<Duration>,
    /// What the worker that serves has loaded, where haguard has no copy: once for each file, in their order
    #[arg(long, value_name = "FILE")]
    pub previous: Vec<PathBuf>,
}
