//! Changes of map and ACL lists.

use super::{
    LINE_CAP, ResponseShape, RuntimeChange, SuccessMessage, UnencodableValue, escape_last_word, escape_word,
};
use crate::plural::plural;
use crate::wire::haproxy::config::PatternKind;

/// One list of a worker, by the number that this worker gave it: a name would need escaping, and two lists that stand
/// in the configuration itself have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternListRef {
    /// Map or ACL.
    pub kind: PatternKind,
    /// Its number, good for this worker only.
    pub id: u32,
}

/// Where entries are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternVersion {
    /// The version that lookups use.
    Current,
    /// A prepared version, which lookups do not see before it is committed.
    Prepared(u32),
}

impl PatternListRef {
    fn command(self, verb: &str, target: PatternVersion) -> String {
        let (noun, id) = (if self.kind == PatternKind::Map { "map" } else { "acl" }, self.id);
        match target {
            PatternVersion::Current => format!("{verb} {noun} #{id}"),
            PatternVersion::Prepared(version) => format!("{verb} {noun} @{version} #{id}"),
        }
    }
}

impl RuntimeChange {
    /// `prepare map|acl`: an empty version beside the one in use. The answer is read by `patterns::parse_prepared`.
    pub fn prepare_list(list: PatternListRef) -> Result<Self, UnencodableValue> {
        let line = list.command("prepare", PatternVersion::Current);
        RuntimeChange::non_sensitive(
            line,
            SuccessMessage::OneOf(&["New version created"]),
            ResponseShape::Terminated,
        )
    }

    /// `commit map|acl @V`: the version replaces the whole list at once.
    pub fn commit_list(list: PatternListRef, version: u32) -> Result<Self, UnencodableValue> {
        RuntimeChange::non_sensitive(
            list.command("commit", PatternVersion::Prepared(version)),
            SuccessMessage::Empty,
            ResponseShape::Terminated,
        )
    }

    /// `clear map|acl @V`: discards a prepared version.
    pub fn clear_list(list: PatternListRef, version: u32) -> Result<Self, UnencodableValue> {
        RuntimeChange::non_sensitive(
            list.command("clear", PatternVersion::Prepared(version)),
            SuccessMessage::Empty,
            ResponseShape::Terminated,
        )
    }

    /// `add map`: appends entries in their order, with as few commands as the buffer allows.
    ///
    /// # Errors
    /// When an entry can be said in neither form. A line cannot carry an empty value or one with `<<`, a payload not
    /// one that begins with a blank, neither a line end.
    pub fn add_map_entries(
        list: PatternListRef,
        target: PatternVersion,
        entries: &[(&str, Option<&str>)],
    ) -> Result<Vec<Self>, UnencodableValue> {
        let what = list.command("add", target);
        let mut changes = Vec::new();
        let (mut payload, mut count) = (String::new(), 0);
        for (key, value) in entries {
            let value = value.unwrap_or_default();
            match payload_row(key, value) {
                Some(row) => {
                    if payload.len() + row.len() > LINE_CAP {
                        changes.push(payload_change(&what, std::mem::take(&mut payload), count)?);
                        count = 0;
                    }
                    payload.push_str(&row);
                    count += 1;
                }
                None => {
                    if count > 0 {
                        changes.push(payload_change(&what, std::mem::take(&mut payload), count)?);
                        count = 0;
                    }
                    let line =
                        format!("{what} {} {}", escape_word(key, &what)?, escape_last_word(value, &what)?);
                    changes.push(sensitive_change(line, &what)?);
                }
            }
        }
        if count > 0 {
            changes.push(payload_change(&what, payload, count)?);
        }
        Ok(changes)
    }

    /// `add acl`: appends one pattern.
    pub fn add_acl_entry(
        list: PatternListRef,
        target: PatternVersion,
        pattern: &str,
    ) -> Result<Self, UnencodableValue> {
        let what = list.command("add", target);
        sensitive_change(format!("{what} {}", escape_last_word(pattern, &what)?), &what)
    }

    /// `set map`: another value for one entry, named by its address in memory.
    pub fn set_map_value(
        list: PatternListRef,
        reference: &str,
        value: &str,
    ) -> Result<Self, UnencodableValue> {
        let what = list.command("set", PatternVersion::Current);
        sensitive_change(
            format!("{what} #{} {}", escape_word(reference, &what)?, escape_last_word(value, &what)?),
            &what,
        )
    }

    /// `del map|acl`: one entry, named by its address in memory, so that of two equal keys only one goes.
    pub fn delete_entry(list: PatternListRef, reference: &str) -> Result<Self, UnencodableValue> {
        let what = list.command("del", PatternVersion::Current);
        sensitive_change(format!("{what} #{}", escape_last_word(reference, &what)?), &what)
    }
}

/// A line of a payload, where the entry can stand in one and comes back the same.
fn payload_row(key: &str, value: &str) -> Option<String> {
    let plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\t');
    let key_ok = !key.is_empty() && plain(key) && !key.contains([' ', '\t']);
    let value_ok = plain(value) && !value.starts_with([' ', '\t']);
    // A key without a blank behind it takes the next line for its value, on every branch.
    let row = format!("{key} {value}\n");
    (key_ok && value_ok && row.len() < LINE_CAP).then_some(row)
}

fn payload_change(what: &str, payload: String, count: usize) -> Result<RuntimeChange, UnencodableValue> {
    let (line, shown) = (what.to_owned(), format!("{what} ({})", plural(count, "entry")));
    RuntimeChange {
        line,
        payload: Some(payload),
        shown,
        success: SuccessMessage::Empty,
        answer: ResponseShape::Terminated,
    }
    .checked()
}

/// A line whose last words may be secret.
fn sensitive_change(line: String, what: &str) -> Result<RuntimeChange, UnencodableValue> {
    let shown = format!("{what} ***");
    RuntimeChange {
        line,
        payload: None,
        shown,
        success: SuccessMessage::Empty,
        answer: ResponseShape::Terminated,
    }
    .checked()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: PatternListRef = PatternListRef { kind: PatternKind::Map, id: 3 };
    const ACL: PatternListRef = PatternListRef { kind: PatternKind::Acl, id: 4 };

    #[test]
    fn entries_go_as_a_payload_and_what_cannot_as_a_line() {
        let entries = [("a", Some("1 2")), ("b", None), ("c", Some(" lead;")), ("d", Some("<<"))];
        let changes = RuntimeChange::add_map_entries(MAP, PatternVersion::Prepared(7), &entries).unwrap();
        let sent: Vec<String> = changes.iter().map(RuntimeChange::to_wire).collect();
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
        let changes = RuntimeChange::add_map_entries(MAP, PatternVersion::Current, &entries).unwrap();
        assert!((4..8).contains(&changes.len()), "{}", changes.len());
        let rows: usize = changes.iter().map(|change| change.to_wire().lines().count() - 1).sum();
        assert_eq!(rows, 2000);
    }

    #[test]
    fn one_entry_is_named_by_its_address() {
        assert_eq!(RuntimeChange::delete_entry(ACL, "0x7f").unwrap().to_wire(), "del acl #4 #0x7f");
        assert_eq!(
            RuntimeChange::set_map_value(MAP, "0x7f", "a b").unwrap().to_wire(),
            "set map #3 #0x7f a\\ b"
        );
        assert!(
            RuntimeChange::set_map_value(MAP, "0x7f", "").is_err()
                && RuntimeChange::set_map_value(MAP, "0x7f", "<<").is_err()
        );
        assert_eq!(
            RuntimeChange::add_acl_entry(ACL, PatternVersion::Current, "My Agent").unwrap().to_wire(),
            "add acl #4 My\\ Agent"
        );
    }

    #[test]
    fn a_value_with_a_line_end_is_refused() {
        for value in ["a\nb", "a\r", "\0"] {
            assert!(
                RuntimeChange::add_map_entries(MAP, PatternVersion::Current, &[("k", Some(value))]).is_err(),
                "{value:?}"
            );
            assert!(RuntimeChange::add_acl_entry(ACL, PatternVersion::Current, value).is_err(), "{value:?}");
        }
    }
}
