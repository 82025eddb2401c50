//! What `guard status`, `guard install` and `guard remove` take.

use clap::{Args, Subcommand};

/// The commands under `guard`.
#[derive(Debug, Subcommand)]
pub enum GuardCommand {
    /// Show whether systemd refuses a manual restart, and what bypasses the guard
    Status(GuardStatusArgs),
    /// Write the one-line drop-in: show a plan, ask, write, verify
    Install(GuardChangeArgs),
    /// Remove the drop-in: show a plan, ask, remove, verify
    Remove(GuardChangeArgs),
}

/// Arguments of `guard status`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard guard status\n  haguard guard status haproxy@edge.service -o json\n\n\
    It needs no root where the unit is named.\n\nExit codes: 0 in force, 2 no such unit, 3 not in force, 5 could not \
    determine."
)]
pub struct GuardStatusArgs {
    /// Unit (default: the unit that controls HAProxy)
    #[arg(value_name = "UNIT")]
    pub unit: Option<String>,
}

/// Arguments of `guard install` and `guard remove`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard guard install --plan\n  haguard guard install haproxy.service --approve \
    3f9c1a2b04\n  haguard guard remove --plan\n\nThe file is /etc/systemd/system/UNIT.d/50-haguard.conf. Reload, start, \
    boot and shutdown work as without it.\n\nExit codes: 0 done and verified or nothing to do, 1 failed and the previous \
    state is verified, 2 no such unit, 3 refused or no consent, 5 could not determine, 6 the unit changed since the plan \
    was made, 7 busy or frozen, 8 changed but not verified, 130 interrupted before any change."
)]
pub struct GuardChangeArgs {
    /// Unit (default: the unit that is proven to control HAProxy)
    #[arg(value_name = "UNIT")]
    pub unit: Option<String>,
    /// Show the plan and the command that applies it; change nothing
    #[arg(long, conflicts_with = "approve")]
    pub plan: bool,
    /// Apply the plan with this id, unless state changed since it was made
    #[arg(long, value_name = "ID")]
    pub approve: Option<String>,
}
