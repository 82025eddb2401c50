//! What `restart` takes.

use clap::Args;

/// Arguments of `restart`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  haguard restart\n  haguard restart haproxy@edge.service\n  \
    haguard restart --break-glass lb1 --reason 'INC-4711 master ignores signals' --plan\n\nWithout --break-glass it \
    always exits 3 and never changes anything. With it, it shows a plan, wants consent to that plan's id, writes a \
    snapshot, restarts by what is proven to control HAProxy, puts back what only memory held, and proves the result.\n\n\
    Exit codes of --break-glass: 0 restarted and proven, 1 not carried out and what ran before is proven in force, 3 \
    refused or no consent, 5 could not determine, 6 the world moved since the plan, 7 busy or frozen, 8 restarted and \
    not everything is proven or put back, 130 interrupted before anything was done.")]
pub struct RestartArgs {
    /// What is meant: a unit, a program, a container, a PID, a port, IP:PORT or a socket's path; HAProxy where
    /// nothing is given
    #[arg(value_name = "SERVICE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub service: Option<String>,
    /// Restart it all the same: the name of this host, typed out
    #[arg(long, value_name = "HOST", requires = "reason")]
    pub break_glass: Option<String>,
    /// Why it has to be restarted; the journal keeps it
    #[arg(long, value_name = "R", value_parser = parse_reason, requires = "break_glass")]
    pub reason: Option<String>,
    /// Show the plan and the command that applies it; do nothing
    #[arg(long, conflicts_with = "approve", requires = "break_glass")]
    pub plan: bool,
    /// Apply the plan with this id, if it is still the plan of now
    #[arg(long, value_name = "ID", requires = "break_glass")]
    pub approve: Option<String>,
}

/// A reason that says nothing is none.
fn parse_reason(text: &str) -> Result<String, String> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let reason = words.collect::<Vec<_>>().join(" ");
    match reason.is_empty() {
        true => Err("say why it has to be restarted".to_owned()),
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
