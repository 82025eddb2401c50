//! What `guard status`, `guard install` and `guard remove` take.

use clap::{Args, Subcommand};

/// The commands under `guard`.
#[derive(Debug, Subcommand)]
pub enum GuardCommand {
    /// Say whether systemd refuses a restart by hand, and what it does not keep off
    Status(GuardStatusArgs),
    /// Write the one-line drop-in: show the plan, ask, do it, prove it
    Install(GuardChangeArgs),
    /// Take the drop-in away, so that all is as before it
    Remove(GuardChangeArgs),
}

/// Arguments of `guard status`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard guard status\n  haguard guard status haproxy@edge.service -o json\n\n\
    It needs no root where the unit is named.\n\nExit codes: 0 in force, 2 no such unit, 3 not in force, 5 could not determine."
)]
pub struct GuardStatusArgs {
    /// The unit; the one that controls HAProxy where none is named
    #[arg(value_name = "UNIT")]
    pub unit: Option<String>,
}

/// Arguments of `guard install` and `guard remove`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard guard install --plan\n  haguard guard install haproxy.service --approve \
    3f9c1a2b04\n  haguard guard remove --plan\n\nThe file is /etc/systemd/system/UNIT.d/50-haguard.conf. Reload, start, \
    boot and shutdown work as without it.\n\nExit codes: 0 done and proven or nothing to do, 1 failed and all is as before, \
    2 no such unit, 3 refused or no consent, 5 could not determine, 6 the unit moved since the plan, 7 busy or frozen, 8 \
    changed but not proven, 130 interrupted before anything was done."
)]
pub struct GuardChangeArgs {
    /// The unit; the one that is proven to control HAProxy where none is named
    #[arg(value_name = "UNIT")]
    pub unit: Option<String>,
    /// Show the plan and the command that applies it; do nothing
    #[arg(long, conflicts_with = "approve")]
    pub plan: bool,
    /// Apply the plan with this id, if it is still the plan of now
    #[arg(long, value_name = "ID")]
    pub approve: Option<String>,
}
