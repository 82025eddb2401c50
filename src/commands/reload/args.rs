//! What `reload` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::parse_duration_arg;

/// Arguments of `reload`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  haguard reload --plan\n  haguard reload --approve 3f9c1a2b04\n  \
    haguard reload --master-socket /run/haproxy-master.sock\n  haguard reload --confirm-within 90s\n\nIt loads the files \
    on disk into a new worker and verifies that worker. It never restarts HAProxy.\n\nWith --confirm-within the previous \
    configuration files are put back, loaded and verified unless `haguard confirm ID` comes in time, even if this shell \
    is gone. Maps, certificates and other files are not put back.\n\nExit codes: 0 reloaded and verified, 1 failed and the \
    previous worker is verified to be serving, 3 refused or no consent, 5 could not determine, 6 state changed since the \
    plan was made, 7 busy or frozen, 8 changed but not verified, 130 interrupted before any change.")]
pub struct ReloadArgs {
    /// Unit or PID of the HAProxy to reload (default: the configured one, or the only one)
    #[arg(value_name = "SERVICE")]
    pub service: Option<String>,
    /// Show the plan and the command that applies it; change nothing
    #[arg(long, conflicts_with = "approve")]
    pub plan: bool,
    /// Put runtime-only state back: server states, weights, addresses, servers, map and ACL entries, certificates
    #[arg(long)]
    pub keep_runtime: bool,
    /// Apply the plan with this id, unless state changed since it was made
    #[arg(long, value_name = "ID")]
    pub approve: Option<String>,
    /// Undo the reload unless `haguard confirm` comes within this time, such as 90s
    #[arg(long, value_name = "TIME", value_parser = parse_duration_arg)]
    pub confirm_within: Option<Duration>,
    /// File as the serving worker loaded it, where haguard has no copy; once for each file, in their order
    #[arg(long, value_name = "FILE")]
    pub previous: Vec<PathBuf>,
}
