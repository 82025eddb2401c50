//! `show cli sockets` and `show cli level`: the sockets of this worker, and their levels.

use serde::{Deserialize, Serialize};

use super::{Malformed, first_line, lines};
use crate::label::display_serde_name;

const SOCKETS: &str = "show cli sockets";
const LEVEL: &str = "show cli level";

/// What a socket lets its user do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CliLevel {
    /// Reads what is not sensitive.
    User,
    /// Reads everything and changes what is harmless.
    Operator,
    /// Everything.
    Admin,
}

impl CliLevel {
    fn from_word(word: &str) -> Option<Self> {
        [CliLevel::User, CliLevel::Operator, CliLevel::Admin]
            .into_iter()
            .find(|level| level.to_string() == word)
    }
}

display_serde_name!(CliLevel);

/// One socket that the worker answers on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CliSocket {
    /// As HAProxy prints it: `unix@/path`, `ipv4@127.0.0.1:9999`, `sockpair@4` (the master's end) and the like.
    pub address: String,
    /// What it allows.
    pub level: CliLevel,
}

impl CliSocket {
    /// Its path, where it is a UNIX socket in the file system.
    pub fn unix_path(&self) -> Option<&str> {
        self.address.strip_prefix("unix@")
    }
}

/// Reads the answer of `show cli sockets`. The master itself lists none.
pub fn parse(text: &str) -> Result<Vec<CliSocket>, Malformed> {
    let mut all = lines(text);
    match all.next() {
        None => return Ok(Vec::new()),
        Some(header) if header.starts_with("# socket ") => {}
        Some(other) => return Err(Malformed::new(SOCKETS, "no header", other)),
    }
    all.map(|line| {
        let bad = |why| Malformed::new(SOCKETS, why, line);
        // `ADDRESS LEVEL PROCESSES`; a path may hold spaces, so the level is the last word that is one.
        let words: Vec<&str> = line.split(' ').collect();
        let found =
            words.iter().enumerate().rev().find_map(|(at, word)| Some((at, CliLevel::from_word(word)?)));
        let (at, level) = found.filter(|(at, _)| *at > 0).ok_or_else(|| bad("no level"))?;
        let address = words.get(..at).unwrap_or_default().join(" ");
        Ok(CliSocket { address, level })
    })
    .collect()
}

/// Reads the answer of `show cli level`.
pub fn parse_level(text: &str) -> Result<CliLevel, Malformed> {
    let line = first_line(text);
    CliLevel::from_word(line.trim()).ok_or_else(|| Malformed::new(LEVEL, "no level", line))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    #[test]
    fn every_branch_lists_its_sockets() {
        for (branch, text) in fixtures::every("show_cli_sockets") {
            let sockets = parse(&text).unwrap();
            let level = |path: &str| sockets.iter().find(|s| s.unix_path() == Some(path)).map(|s| &s.level);
            assert_eq!(level("/lab/admin.sock"), Some(&CliLevel::Admin), "{branch}");
            assert_eq!(level("/lab/operator.sock"), Some(&CliLevel::Operator), "{branch}");
            assert_eq!(level("/lab/user.sock"), Some(&CliLevel::User), "{branch}");
            assert!(
                sockets.iter().any(|s| s.address.starts_with("sockpair@") && s.unix_path().is_none()),
                "{branch}"
            );
            assert_eq!(sockets.len(), 5, "{branch}");
        }
    }

    #[test]
    fn every_branch_tells_the_level() {
        for branch in fixtures::BRANCHES {
            assert_eq!(
                parse_level(&fixtures::read(branch, "show_cli_level")),
                Ok(CliLevel::Admin),
                "{branch}"
            );
            assert_eq!(
                parse_level(&fixtures::read(branch, "show_cli_level_user")),
                Ok(CliLevel::User),
                "{branch}"
            );
        }
        assert!(CliLevel::User < CliLevel::Operator && CliLevel::Operator < CliLevel::Admin);
    }

    #[test]
    fn another_answer_is_an_error() {
        assert_eq!(parse("\n"), Ok(Vec::new()));
        for text in
            ["Permission denied\n", "# socket lvl processes\nunix@/a root all\n", "# socket lvl x\nadmin\n"]
        {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse_level("Unknown command").is_err() && parse_level("").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}") {
            let _ = (parse(&text), parse_level(&text), parse(&format!("# socket lvl x\n{text}")));
        }

        #[test]
        fn sockets_come_back(path in "/[a-z./]{1,20}( [a-z]{1,4})?", admin: bool) {
            let level = if admin { "admin" } else { "operator" };
            let sockets = parse(&format!("# socket lvl processes\nunix@{path} {level} all novelty\n\n")).unwrap();
            prop_assert_eq!(sockets[0].unix_path(), Some(path.as_str()));
            prop_assert_eq!(sockets[0].level == CliLevel::Admin, admin);
        }
    }
}
