//! Its namespaces, and whether the files that it reads in them are those of this host.

use crate::checks::{CheckContext, CheckResult, Judgement};
use crate::facts::namespaces::MountedFile;

pub(super) fn namespace(context: CheckContext<'_>) -> CheckResult {
    let namespaces = context.facts.namespaces.get()?;
    if namespaces.own.is_empty() {
        return Ok(Judgement::pass("it runs in the namespaces of this host"));
    }
    let kinds = namespaces.own.join(", ");
    Ok(match &namespaces.closed {
        None => Judgement::pass(format!("it has namespaces of its own ({kinds}), which can be entered")),
        Some(why) => Judgement::unknown(format!("it has namespaces of its own ({kinds}): {why}"))
            .with_remedy("run haguard as root, or in the same namespaces, for example in its container"),
    })
}

pub(super) fn config_inode(context: CheckContext<'_>) -> CheckResult {
    let namespaces = context.facts.namespaces.get()?;
    if !namespaces.own.iter().any(|kind| kind == "mnt") {
        return Ok(Judgement::skipped("its files are those of this host"));
    }
    if namespaces.mounted.is_empty() {
        return Ok(Judgement::pass("none of its configuration files is mounted alone"));
    }
    let unseen = namespaces.mounted.iter().find_map(|file| file.inside.why().or(file.outside.why()));
    let stale = namespaces.mounted.iter().find(|file| is_other_inode(file));
    let outcome = match (stale, unseen) {
        (None, None) => Judgement::pass("files that are mounted alone are still those of this host"),
        (None, Some(why)) => Judgement::unknown(format!("a file that is mounted alone could not be compared: {why}")),
        (Some(first), _) => Judgement::warn(format!(
            "HAProxy does not see the present {} of this host, but the file as it was when it was mounted",
            first.source.seen().map_or("the file", String::as_str)
        ))
        .with_remedy(
            "mount the folder instead of the file and recreate the container; until then write the file in place \
             (cp, not mv or an editor that renames)",
        ),
    };
    Ok(outcome.with_evidence(namespaces.mounted.iter().map(describe_mount)))
}

/// Another inode. Even with the same bytes, it will not follow the next edit.
fn is_other_inode(file: &MountedFile) -> bool {
    let pair = file.inside.seen().zip(file.outside.seen());
    pair.is_some_and(|(inside, outside)| inside.inode != outside.inode)
}

fn describe_mount(file: &MountedFile) -> String {
    let content = match (file.inside.seen(), file.outside.seen()) {
        (Some(inside), Some(outside)) if inside.inode == outside.inode => "one file".to_owned(),
        (Some(inside), Some(outside)) => {
            let same = if inside.md5 == outside.md5 { "the same bytes" } else { "other bytes" };
            format!("inode {} in its namespace, {} on this host, {same}", inside.inode.1, outside.inode.1)
        }
        _ => "not compared".to_owned(),
    };
    let source = file.source.seen().map_or("an unknown file", String::as_str);
    format!("{} is {source}, mounted alone: {content}", file.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{self, Level};
    use crate::facts::namespaces::{FileIdentity, Namespaces};
    use crate::facts::{Facts, Known, test_facts};
    use crate::plan;

    fn run_check(id: &str, namespaces: Known<Namespaces>) -> (Level, String) {
        let facts = Facts { namespaces, ..test_facts::healthy() };
        let found = checks::run_checks(&facts, &plan::ledger(&facts), &[id]).remove(0);
        (found.level, format!("{} {}", found.text, found.evidence.join(" ")))
    }

    fn container(inside: (u64, &str), outside: Known<FileIdentity>) -> Known<Namespaces> {
        let content = |(inode, md5): (u64, &str)| FileIdentity { inode: (1, inode), md5: md5.to_owned() };
        let mounted = MountedFile {
            path: "/etc/a.cfg".to_owned(),
            source: Known::Seen("/srv/a.cfg".to_owned()),
            inside: Known::Seen(content(inside)),
            outside,
        };
        let own = ["mnt", "pid"].map(str::to_owned).to_vec();
        Known::Seen(Namespaces { own, closed: None, mounted: vec![mounted] })
    }

    fn here(inode: u64, md5: &str) -> Known<FileIdentity> {
        Known::Seen(FileIdentity { inode: (1, inode), md5: md5.to_owned() })
    }

    #[test]
    fn a_file_that_was_renamed_over_differs_from_one_that_was_written_in_place() {
        let level = |seen| run_check("arch.config-inode", seen).0;
        assert_eq!(level(container((7, "a"), here(7, "a"))), Level::Pass);
        let (worst, text) = run_check("arch.config-inode", container((7, "a"), here(8, "b")));
        assert_eq!(worst, Level::Warn);
        assert!(text.contains("/srv/a.cfg") && text.contains("other bytes"), "{text}");
        assert_eq!(level(container((7, "a"), here(8, "a"))), Level::Warn, "the next edit will not be seen");
        assert_eq!(level(container((7, "a"), Known::unknown("gone"))), Level::Unknown);
        assert_eq!(level(Known::unknown("denied")), Level::Unknown);
    }

    #[test]
    fn namespaces_that_cannot_be_entered_are_unknown() {
        let of = |own: &[&str], closed: Option<&str>| {
            let own = own.iter().map(|kind| (*kind).to_owned()).collect();
            let closed = closed.map(str::to_owned);
            run_check("arch.namespace", Known::Seen(Namespaces { own, closed, mounted: Vec::new() })).0
        };
        assert_eq!(of(&[], None), Level::Pass);
        assert_eq!(of(&["mnt"], None), Level::Pass);
        assert_eq!(of(&["mnt", "user"], Some("rootless")), Level::Unknown);
    }
}
