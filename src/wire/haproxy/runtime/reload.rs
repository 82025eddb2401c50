//! The answer of `reload` on a master socket: nothing at all on 2.6, `Success=` and the start-up log from 2.7 on.

use crate::wire::haproxy::startup_log;

/// What the master said. It is a hint: processes and listeners are the proof.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReloadResponse {
    /// What `Success=` says; none where the master says nothing (2.6).
    pub success: Option<bool>,
    /// HAProxy's start-up log, without secrets; empty where `/dev/shm` is missing too.
    pub log: Vec<String>,
}

/// Reads the answer. Whatever is no `Success=` line is no success.
pub fn parse(text: &str) -> ReloadResponse {
    let mut lines = text.lines();
    let success = match lines.next().and_then(|line| line.trim().strip_prefix("Success=")) {
        Some("1") => Some(true),
        Some(_) => Some(false),
        None => None,
    };
    let log = lines.skip_while(|line| line.trim() == "--").collect::<Vec<_>>().join("\n");
    ReloadResponse { success, log: startup_log::redacted_lines(&log) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_branch_answers_in_its_way() {
        assert_eq!(parse(""), ReloadResponse::default());
        let good = parse("Success=1\n--\n[NOTICE]   (1) : New worker (2) forked\n\n");
        assert_eq!((good.success, good.log), (Some(true), vec!["NOTICE: New worker (2) forked".to_owned()]));
        let bare = parse("Success=0\n\n");
        assert_eq!(bare, ReloadResponse { success: Some(false), log: Vec::new() });
        assert_eq!(parse("Permission denied\n\n").success, None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s)(Success=)?.{0,200}") {
            let _ = parse(&text);
        }
    }
}
