//! The commands that this client is able to send: those that change nothing and reveal no secret.

use super::batching::BatchableCommand;

/// A command that only reads. There is no other way to make one than [`ReadOnlyCommand::new`], and where something is asked
/// the client sends nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOnlyCommand(String);

/// The command is not one that only reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("haguard does not send {command:?} where it only reads: {why}")]
pub struct NotReadOnly {
    /// The beginning of the command.
    pub command: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// `show env` prints passwords that were handed over by the environment, `show tls-keys` prints ticket keys,
/// `show errors` and `show events` print what clients sent.
const SENSITIVE_COMMANDS: [&str; 4] = ["env", "tls-keys", "errors", "events"];

/// Longest command: HAProxy's buffer takes 16 kB, of which a part is reserved.
const MAX_COMMAND: usize = 8 * 1024;

impl ReadOnlyCommand {
    /// Takes `show ..` and `help ..`; everything else, and every way to smuggle in a second command, is refused.
    pub fn new(command: &str) -> Result<Self, NotReadOnly> {
        let bad = |why| Err(NotReadOnly { command: command.chars().take(80).collect(), why });
        if command.chars().any(char::is_control) {
            return bad("it holds a control character");
        }
        if command.contains(';') || command.contains("<<") {
            return bad("it holds more than one command");
        }
        if command.len() > MAX_COMMAND {
            return bad("it is longer than 8 kB");
        }
        let mut words = command.split(' ').filter(|word| !word.is_empty());
        match (words.next(), words.next()) {
            (Some("help"), _) => {}
            (Some("show"), Some(what)) if SENSITIVE_COMMANDS.contains(&what) => {
                return bad("its answer holds secrets");
            }
            // Anything but plain letters could be unescaped into one of the words above.
            (Some("show"), Some(what)) if what.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') => {}
            _ => return bad("only `show` and `help` are"),
        }
        Ok(ReadOnlyCommand(command.to_owned()))
    }

    /// The command as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl BatchableCommand for ReadOnlyCommand {
    fn text(&self) -> &str {
        &self.0
    }

    /// Whether its answer is known to hold no empty line of its own on any branch, so that it may share a line
    /// with others. The rest (`show peers` puts one between sections) is asked on a connection of its own.
    fn can_share_line(&self) -> bool {
        let words: Vec<&str> = self.0.split(' ').filter(|word| !word.is_empty()).collect();
        matches!(
            words.as_slice(),
            ["show", "info" | "stat" | "map" | "acl" | "backend" | "version" | "cli", ..]
                | ["show", "servers", "state" | "conn", ..]
                | ["show", "ssl", "cert" | "ca-file", ..]
                | ["show", "table"]
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reading_is_allowed() {
        for command in
            ["show info", "show map #3", "show ssl cert /etc/a\\ b.pem", "help", "help show", "show proc"]
        {
            assert_eq!(ReadOnlyCommand::new(command).unwrap().as_str(), command);
        }
    }

    #[test]
    fn changing_revealing_and_smuggling_are_refused() {
        for command in [
            "",
            "show",
            "show ",
            "clear counters all",
            "set server a/b state maint",
            "show info;shutdown sessions server a/b",
            "show info\nclear map #1",
            "show map <<\nx",
            "show map <<",
            "@!1 show info",
            "@1 reload",
            "reload",
            "expert-mode on",
            "show env",
            "show  env",
            " show env SECRET",
            "show en\\v",
            "show tls-keys #0",
            "SHOW info",
            "helpme",
            "quit",
            "prompt",
        ] {
            assert!(ReadOnlyCommand::new(command).is_err(), "{command:?}");
        }
        assert!(ReadOnlyCommand::new(&format!("show map {}", "x".repeat(MAX_COMMAND))).is_err());
    }

    #[test]
    fn answers_with_empty_lines_stand_alone() {
        let shares = |command| ReadOnlyCommand::new(command).unwrap().can_share_line();
        assert!(shares("show map #1") && shares("show servers state") && shares("show ssl cert *a"));
        assert!(
            !shares("show peers") && !shares("show table web") && !shares("show proc") && !shares("help")
        );
    }

    proptest! {
        #[test]
        fn what_is_let_through_is_one_line_of_show_or_help(command in "(show|help|set)? ?[a-z;\\n#@!. <]{0,30}") {
            if let Ok(allowed) = ReadOnlyCommand::new(&command) {
                let text = allowed.as_str().trim_start();
                prop_assert!(text.starts_with("show ") || text == "help" || text.starts_with("help "));
                prop_assert!(!text.contains([';', '\n']));
            }
        }
    }
}
