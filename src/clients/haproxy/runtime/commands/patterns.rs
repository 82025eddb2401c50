//! Changes of map and ACL lists.

use super::{Answer, Change, LINE_CAP, Success, Unsayable, last, word};
use crate::wire::haproxy::config::PatternKind;

/// One list of a worker, by the number that this worker gave it: a name would need escaping, and two lists that stand
/// in the configuration itself have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List {
    /// Map or ACL.
    pub kind: PatternKind,
    /// Its number, good for this worker only.
    pub id: u32,
}

/// Where entries are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To what lookups see.
    Current,
    /// To a version that was prepared and is seen by nobody until it is committed.
    Prepared(u32),
}

impl List {
    fn noun(self) -> &'static str {
        match self.kind {
            PatternKind::Map => "map",
            PatternKind::Acl => "acl",
        }
    }

    fn command(self, verb: &str, target: Target) -> String {
        let (noun, id) = (self.noun(), self.id);
        match target {
            Target::Current => format!("{verb} {noun} #{id}"),
            Target::Prepared(version) => format!("{verb} {noun} @{version} #{id}"),
        }
    }
}

impl Change {
    /// `prepare map|acl`: an empty version beside the one in use. The answer is read by `patterns::parse_prepared`.
    pub fn prepare(list: List) -> Result<Self, Unsayable> {
        let line = list.command("prepare", Target::Current);
        Change::plain(line, Success::Says(&["New version created"]), Answer::Closed)
    }

    /// `commit map|acl @V`: the version takes the place of everything that was in the list, at once.
    pub fn commit(list: List, version: u32) -> Result<Self, Unsayable> {
        Change::plain(list.command("commit", Target::Prepared(version)), Success::Silence, Answer::Closed)
    }

    /// `clear map|acl @V`: a prepared version is given up.
    pub fn clear(list: List, version: u32) -> Result<Self, Unsayable> {
        Change::plain(list.command("clear", Target::Prepared(version)), Success::Silence, Answer::Closed)
    }

    /// `add map`: entries behind those that are there, in their order, with as few commands as the buffer allows.
    ///
    /// # Errors
    /// When an entry can be said in neither form. A line cannot carry an empty value or one with `<<`, a payload not
    /// one that begins with a blank, neither a line end.
    pub fn add_map(
        list: List,
        target: Target,
        entries: &[(&str, Option<&str>)],
    ) -> Result<Vec<Self>, Unsayable> {
        let what = list.command("add", target);
        let mut changes = Vec::new();
        let (mut payload, mut count) = (String::new(), 0);
        for (key, value) in entries {
            let value = value.unwrap_or_default();
            match row(key, value) {
                Some(row) => {
                    if payload.len() + row.len() > LINE_CAP {
                        changes.push(payload_of(&what, std::mem::take(&mut payload), count)?);
                        count = 0;
                    }
                    payload.push_str(&row);
                    count += 1;
                }
                None => {
                    if count > 0 {
                        changes.push(payload_of(&what, std::mem::take(&mut payload), count)?);
                        count = 0;
                    }
                    let line = format!("{what} {} {}", word(key, &what)?, last(value, &what)?);
                    changes.push(hidden(line, &what)?);
                }
            }
        }
        if count > 0 {
            changes.push(payload_of(&what, payload, count)?);
        }
        Ok(changes)
    }

    /// `add acl`: one pattern behind those that are there.
    pub fn add_acl(list: List, target: Target, pattern: &str) -> Result<Self, Unsayable> {
        let what = list.command("add", target);
        hidden(format!("{what} {}", last(pattern, &what)?), &what)
    }

    /// `set map`: another value for one entry, named by its address in memory.
    pub fn set_map(list: List, reference: &str, value: &str) -> Result<Self, Unsayable> {
        let what = list.command("set", Target::Current);
        hidden(format!("{what} #{} {}", word(reference, &what)?, last(value, &what)?), &what)
    }

    /// `del map|acl`: one entry, named by its address in memory, so that of two equal keys only one goes.
    pub fn delete_entry(list: List, reference: &str) -> Result<Self, Unsayable> {
        let what = list.command("del", Target::Current);
        hidden(format!("{what} #{}", last(reference, &what)?), &what)
    }
}

/// A line of a payload, where the entry can stand in one and comes back the same.
fn row(key: &str, value: &str) -> Option<String> {
    let plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\t');
    let key_ok = !key.is_empty() && plain(key) && !key.contains([' ', '\t']);
    let value_ok = plain(value) && !value.starts_with([' ', '\t']);
    // A key without a blank behind it takes the next line for its value, on every branch.
    let row = format!("{key} {value}\n");
    (key_ok && value_ok && row.len() < LINE_CAP).then_some(row)
}

fn payload_of(what: &str, payload: String, count: usize) -> Result<Change, Unsayable> {
    let (line, shown) = (what.to_owned(), format!("{what} ({count} entries)"));
    Change { line, payload: Some(payload), shown, success: Success::Silence, answer: Answer::Closed }
        .checked()
}

/// A line whose last words are somebody's values.
fn hidden(line: String, what: &str) -> Result<Change, Unsayable> {
    let shown = format!("{what} ***");
    Change { line, payload: None, shown, success: Success::Silence, answer: Answer::Closed }.checked()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: List = List { kind: PatternKind::Map, id: 3 };
    const ACL: List = List { kind: PatternKind::Acl, id: 4 };

    #[test]
    fn entries_go_as_a_payload_and_what_cannot_as_a_line() {
        let entries = [("a", Some("1 2")), ("b", None), ("c", Some(" lead;")), ("d", Some("<<"))];
        let changes = Change::add_map(MAP, Target::Prepared(7), &entries).unwrap();
        let sent: Vec<String> = changes.iter().map(Change::wire).collect();
        let want =
            ["add map @7 #3 <<\na 1 2\nb \n", "add map @7 #3 c \\ lead\\;", "add map @7 #3 <<\nd <<\n"];
        assert_eq!(sent, want);
        assert_eq!(format!("{:?}", changes[0]), "Change(\"add map @7 #3 (2 entries)\")");
        assert_eq!(format!("{:?}", changes[1]), "Change(\"add map @7 #3 ***\")");
    }

    #[test]
    fn many_entries_take_several_payloads() {
        let values: Vec<String> = (0..2000).map(|n| format!("value-{n}")).collect();
        let entries: Vec<_> = values.iter().map(|v| (v.as_str(), Some(v.as_str()))).collect();
        let changes = Change::add_map(MAP, Target::Current, &entries).unwrap();
        assert!((4..8).contains(&changes.len()), "{}", changes.len());
        let rows: usize = changes.iter().map(|change| change.wire().lines().count() - 1).sum();
        assert_eq!(rows, 2000);
    }

    #[test]
    fn one_entry_is_named_by_its_address() {
        assert_eq!(Change::delete_entry(ACL, "0x7f").unwrap().wire(), "del acl #4 #0x7f");
        assert_eq!(Change::set_map(MAP, "0x7f", "a b").unwrap().wire(), "set map #3 #0x7f a\\ b");
        assert!(Change::set_map(MAP, "0x7f", "").is_err() && Change::set_map(MAP, "0x7f", "<<").is_err());
        assert_eq!(
            Change::add_acl(ACL, Target::Current, "My Agent").unwrap().wire(),
            "add acl #4 My\\ Agent"
        );
    }

    #[test]
    fn a_value_with_a_line_end_is_refused() {
        for value in ["a\nb", "a\r", "\0"] {
            assert!(Change::add_map(MAP, Target::Current, &[("k", Some(value))]).is_err(), "{value:?}");
            assert!(Change::add_acl(ACL, Target::Current, value).is_err(), "{value:?}");
        }
    }
}
