//! What `restart` takes.

use clap::Args;

/// Arguments of `restart`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  haguard restart\n  haguard restart haproxy@edge.service\n  \
    haguard restart --break-glass lb1 --reason 'INC-4711 master ignores signals' --plan\n\nWithout --break-glass it \
    always refuses (exit 3) and changes nothing. With it, it shows a plan, asks for consent to the id of that plan, writes \
    a snapshot, restarts HAProxy through its proven controller, puts runtime-only state back, and verifies the \
    result.\n\nExit codes of --break-glass: 0 restarted and verified, 1 not done and the previous process is verified to be \
    serving, 3 refused or no consent, 5 could not determine, 6 state changed since the plan was made, 7 busy or frozen, 8 \
    restarted but not everything is verified or put back, 130 interrupted before any change.")]
pub struct RestartArgs {
    /// Target: unit, program, container, PID, port, IP:PORT or socket path (default: HAProxy)
    #[arg(value_name = "SERVICE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub service: Option<String>,
    /// Restart HAProxy after all; HOST is the name of this host, typed out
    #[arg(long, value_name = "HOST", requires = "reason")]
    pub break_glass: Option<String>,
    /// Why HAProxy must be restarted; it is written to the journal
    #[arg(long, value_name = "TEXT", value_parser = parse_reason, requires = "break_glass")]
    pub reason: Option<String>,
    /// Show the plan and the command that applies it; change nothing
    #[arg(long, conflicts_with = "approve", requires = "break_glass")]
    pub plan: bool,
    /// Apply the plan with this id, unless state changed since it was made
    #[arg(long, value_name = "ID", requires = "break_glass")]
    pub approve: Option<String>,
}

/// A reason as one line: blanks and control characters alone are none.
fn parse_reason(text: &str) -> Result<String, String> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let reason = words.collect::<Vec<_>>().join(" ");
    match reason.is_empty() {
        true => Err("it is empty: write why HAProxy must be restarted".to_owned()),
        false => Ok(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_a_terminal_can_be_shown() {
        assert_eq!(parse_reason("INC-1\n master \u{1b}[31mdeaf\u{7f}").unwrap(), "INC-1 master [31mdeaf");
        assert!(parse_reason(" \u{1b}\n").is_err());
    }
}
