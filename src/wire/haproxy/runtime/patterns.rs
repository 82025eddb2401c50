//! `show map` and `show acl`: the lists of patterns that can be changed at run time, and their entries.

use serde::{Deserialize, Serialize};

use super::{Malformed, first_line, lines};

const LISTS: &str = "show map|acl";
const ENTRIES: &str = "show map|acl #ID";

/// One place of the configuration that looks into a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternUse {
    /// `map` or `acl` for a list with a file; for a list without one, the sample the ACL tests (`src`, `path_beg`).
    pub keyword: String,
    /// Configuration file, or the part of HAProxy that made the list for itself.
    pub cfg_file: String,
    /// Line in that file; 0 for a list that HAProxy made for itself.
    pub line: u32,
}

/// One list of patterns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternList {
    /// Its id, good for this worker only: the next worker numbers anew.
    pub id: u32,
    /// The file it was loaded from and is named by; `None` where the patterns stand in the configuration.
    pub file: Option<String>,
    /// Where it is used. One file used in several places is one list.
    pub uses: Vec<PatternUse>,
    /// Version that lookups see.
    pub curr_ver: u32,
    /// Highest version handed out; above `curr_ver` where one was prepared and not committed.
    pub next_ver: u32,
    /// Entries over all versions.
    pub entry_count: Option<u32>,
}

impl PatternList {
    /// Whether HAProxy made the list for itself, so that it has no entries of the operator.
    pub fn is_internal(&self) -> bool {
        self.file.is_none() && !self.uses.is_empty() && self.uses.iter().all(|place| place.line == 0)
    }
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternEntry {
    /// Its address in memory: the one name under which a doubled key can be changed or deleted alone. It means
    /// nothing to another process.
    pub reference: String,
    /// The pattern.
    pub key: String,
    /// What a map gives for it; ACL entries have none.
    pub value: Option<String>,
}

/// Reads the answer of `show map` or `show acl`.
pub fn parse_lists(text: &str) -> Result<Vec<PatternList>, Malformed> {
    let mut all = lines(text);
    if !all.next().is_some_and(|line| line.starts_with("# id")) {
        return Err(Malformed::new(LISTS, "no header", first_line(text)));
    }
    all.map(|line| parse_list_line(line).map_err(|why| Malformed::new(LISTS, why, line))).collect()
}

/// `ID (FILE) DESCRIPTION. curr_ver=N next_ver=N entry_cnt=N`.
fn parse_list_line(line: &str) -> Result<PatternList, &'static str> {
    let (id, rest) = line.split_once(" (").ok_or("no file in brackets")?;
    let id = id.trim().parse().map_err(|_| "no id")?;
    let (head, counters) = rest.rsplit_once(". curr_ver=").ok_or("no versions")?;
    let mut counters = counters.split_whitespace();
    let curr_ver = counters.next().and_then(|n| n.parse().ok()).ok_or("no current version")?;
    let (mut next_ver, mut entry_count) = (None, None);
    for counter in counters {
        match counter.split_once('=') {
            Some(("next_ver", n)) => next_ver = n.parse().ok(),
            Some(("entry_cnt", n)) => entry_count = n.parse().ok(),
            _ => {}
        }
    }
    let next_ver = next_ver.ok_or("no next version")?;
    let (file, uses) = match head.strip_prefix(") ") {
        Some(description) => (None, inline_use(description)?),
        None => parse_loaded_from(head)?,
    };
    Ok(PatternList { id, file, uses, curr_ver, next_ver, entry_count })
}

/// `FILE) match_pattern parse_loaded_from from file 'FILE' used by KEYWORD at file 'CFG' line N, by ...`.
fn parse_loaded_from(head: &str) -> Result<(Option<String>, Vec<PatternUse>), &'static str> {
    const LOADED: &str = ") pattern loaded from file '";
    let Some((file, after)) = head.split_once(LOADED) else {
        // Made in a way that no branch up to 3.4 knows: the name in brackets is all that is certain.
        let (file, _) =
            head.split_once(") ").or_else(|| head.split_once(')')).ok_or("no end of the file name")?;
        return Ok((Some(file.to_owned()), Vec::new()));
    };
    // 3.0 and newer say here how the line spells the file, with the prefix that the name in brackets lacks.
    let spelt =
        ["", "opt@", "file@"].iter().find_map(|prefix| after.strip_prefix(prefix)?.strip_prefix(file));
    let mut rest = spelt.and_then(|rest| rest.strip_prefix('\'')).ok_or("two names for one file")?;
    let mut uses = Vec::new();
    while let Some(place) = rest.strip_prefix(" used by ").or_else(|| rest.strip_prefix(", by ")) {
        let (keyword, place) = place.split_once(" at file '").ok_or("a use without a place")?;
        let (cfg_file, place) = place.split_once("' line ").ok_or("a use without a line")?;
        let digits = place.find(|c: char| !c.is_ascii_digit()).unwrap_or(place.len());
        let (line, next) = place.split_at(digits);
        let line = line.parse().map_err(|_| "a use without a line")?;
        uses.push(PatternUse { keyword: keyword.to_owned(), cfg_file: cfg_file.to_owned(), line });
        rest = next;
    }
    Ok((Some(file.to_owned()), uses))
}

/// `acl 'KEYWORD' file 'CFG' line N`.
fn inline_use(description: &str) -> Result<Vec<PatternUse>, &'static str> {
    let Some(rest) = description.strip_prefix("acl '").or_else(|| description.strip_prefix("map '")) else {
        return Ok(Vec::new());
    };
    let (keyword, rest) = rest.split_once("' file '").ok_or("a use without a place")?;
    let (cfg_file, line) = rest.rsplit_once("' line ").ok_or("a use without a line")?;
    let line = line.trim().parse().map_err(|_| "a use without a line")?;
    Ok(vec![PatternUse { keyword: keyword.to_owned(), cfg_file: cfg_file.to_owned(), line }])
}

/// Reads the answer of `show map #ID`. The key ends at the first space, as in a map file.
///
/// `add map F a\ b v` makes a key with a space, which HAProxy prints as it prints key `a` with value `b v`:
/// such an entry cannot be distinguished from the other by a reader of the socket.
pub fn parse_map_entries(text: &str) -> Result<Vec<PatternEntry>, Malformed> {
    parse_entries(text, |rest| match rest.split_once(' ') {
        Some((key, value)) => (key, Some(value)),
        None => (rest, None),
    })
}

/// Reads the answer of `show acl #ID`. The whole rest of a line is the pattern, spaces too.
pub fn parse_acl_entries(text: &str) -> Result<Vec<PatternEntry>, Malformed> {
    parse_entries(text, |rest| (rest, None))
}

/// Reads the answer of `prepare map` or `prepare acl`: the number of the version that was made.
pub fn parse_prepared_version(text: &str) -> Result<u32, Malformed> {
    let number = first_line(text).strip_prefix("New version created: ").map(str::trim);
    number
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Malformed::new("prepare map|acl", "no version", first_line(text)))
}

/// Each line begins with the entry's address.
fn parse_entries(
    text: &str,
    read: impl Fn(&str) -> (&str, Option<&str>),
) -> Result<Vec<PatternEntry>, Malformed> {
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (pointer, rest) = line.split_once(' ').unwrap_or((line, ""));
            match pointer.strip_prefix("0x") {
                Some(hex) if !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    let (key, value) = read(rest);
                    Ok(PatternEntry {
                        reference: pointer.to_owned(),
                        key: key.to_owned(),
                        value: value.map(str::to_owned),
                    })
                }
                _ => Err(Malformed::new(ENTRIES, "no address before the entry", line)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    #[test]
    fn every_branch_names_a_file_once_with_all_its_uses() {
        for (branch, text) in fixtures::every("show_map") {
            let maps = parse_lists(&text).unwrap();
            assert_eq!(maps.len(), 2, "{branch}");
            assert_eq!(maps[0].file.as_deref(), Some("/lab/hosts.map"), "{branch}");
            assert_eq!((maps[0].uses.len(), maps[0].entry_count), (2, Some(3)), "{branch}");
            assert_eq!(maps[0].uses[1].line, maps[0].uses[0].line + 3, "{branch}");
            assert_eq!(maps[0].uses[1].keyword, "map", "{branch}");
            assert!(!maps[0].is_internal());
            assert_eq!((maps[1].curr_ver, maps[1].next_ver), (0, 1), "{branch}: a version was prepared");
        }
    }

    #[test]
    fn a_prefix_is_no_part_of_the_name() {
        let line = |file: &str, spelt: &str| {
            let text =
                format!("0 ({file}) pattern loaded from file '{spelt}' used by acl at file 'p' line 10");
            parse_lists(&format!("# id (file) description\n{text}. curr_ver=0 next_ver=0 entry_cnt=0\n"))
        };
        for (file, spelt) in [("/a", "/a"), ("/a", "opt@/a"), ("/a", "file@/a"), ("virt@a", "virt@a")] {
            let lists = line(file, spelt).unwrap();
            assert_eq!((lists[0].file.as_deref(), lists[0].uses.len()), (Some(file), 1), "{spelt}");
        }
        assert!(line("/a", "/b").is_err() && line("/a", "opt@/b").is_err());
    }

    #[test]
    fn every_branch_tells_its_own_lists_from_ours() {
        for (branch, text) in fixtures::every("show_acl") {
            let acls = parse_lists(&text).unwrap();
            let internal: Vec<_> = acls.iter().filter(|list| list.is_internal()).collect();
            assert_eq!(internal.len(), if branch == "2.6" { 2 } else { 4 }, "{branch}");
            assert!(internal.iter().all(|list| list.uses[0].cfg_file == "httpclient"), "{branch}");
            assert_eq!(acls.len() - internal.len(), 5, "{branch}");
            assert_eq!(acls[0].file.as_deref(), Some("/lab/block.lst"), "{branch}");
            assert_eq!(acls[0].uses.len(), 2, "{branch}");
            let inline = acls.iter().find(|list| list.uses[0].keyword == "path_beg").unwrap();
            assert_eq!((inline.file.as_ref(), inline.entry_count), (None, Some(2)), "{branch}");
        }
    }

    #[test]
    fn entries_of_every_branch() {
        for (branch, text) in fixtures::every("show_map_entries") {
            let entries = parse_map_entries(&text).unwrap();
            let pairs: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.value.as_deref())).collect();
            let spaced = ("c.test", Some("two words here"));
            assert_eq!(pairs, [("a.test", Some("web")), ("b.test", Some("api")), spaced], "{branch}");
        }
        for (branch, text) in fixtures::every("show_map_regex") {
            let entries = parse_map_entries(&text).unwrap();
            assert_eq!(
                entries[0].value.as_deref(),
                Some("+x web"),
                "{branch}: a key ends at the first space"
            );
        }
        for (branch, text) in fixtures::every("show_acl_entries") {
            let entries = parse_acl_entries(&text).unwrap();
            assert_eq!(entries.len(), 2, "{branch}");
            assert_eq!((entries[0].key.as_str(), &entries[0].value), ("10.0.0.1", &None), "{branch}");
            assert!(entries[0].reference.starts_with("0x"), "{branch}");
        }
    }

    #[test]
    fn a_list_without_entries_is_not_an_error_but_a_refusal_is() {
        assert_eq!(parse_map_entries("\n"), Ok(Vec::new()));
        assert_eq!(parse_acl_entries("0x1f a b\n").unwrap()[0].key, "a b");
        let refused = "Unknown map identifier. Please use #<id> or <file>.\n";
        assert!(parse_map_entries(refused).is_err() && parse_acl_entries(refused).is_err());
        assert!(parse_lists(refused).is_err() && parse_lists("").is_err());
        assert!(parse_map_entries("0xxyz a b\n").is_err());
    }

    #[test]
    fn a_prepared_version_has_a_number() {
        assert_eq!(parse_prepared_version("New version created: 7\n"), Ok(7));
        assert!(
            parse_prepared_version("Unknown map identifier.\n").is_err()
                && parse_prepared_version("").is_err()
        );
    }

    #[test]
    fn a_description_of_a_newer_branch_keeps_the_name() {
        let text = "# id (file) description\n9 (virt@new) made by hand. curr_ver=4 next_ver=5 novelty=1\n";
        let lists = parse_lists(text).unwrap();
        assert_eq!((lists[0].file.as_deref(), lists[0].entry_count), (Some("virt@new"), None));
        let broken = text.replace("next_ver=5", "");
        assert!(parse_lists(&broken).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", tail in "[0-9a-z ()'.=,/]{0,200}") {
            let _ = (parse_lists(&text), parse_map_entries(&text), parse_acl_entries(&text));
            let _ = parse_lists(&format!("# id (file) description\n1 ({tail}"));
            let _ = parse_map_entries(&format!("0x{tail}"));
            let _ = parse_prepared_version(&format!("New version created: {tail}"));
        }

        #[test]
        fn lists_come_back(id: u32, file in "[a-z/. )(-]{1,20}", places in proptest::collection::vec(1u32.., 0..4)) {
            let uses: Vec<PatternUse> = places
                .iter()
                .map(|line| PatternUse { keyword: "map".to_owned(), cfg_file: "/a b.cfg".to_owned(), line: *line })
                .collect();
            let printed: Vec<String> = places.iter().map(|n| format!("by map at file '/a b.cfg' line {n}")).collect();
            let used = if printed.is_empty() { String::new() } else { format!(" used {}", printed.join(", ")) };
            prop_assume!(!file.starts_with(") "));
            let text = format!(
                "# id (file) description\n{id} ({file}) pattern loaded from file '{file}'{used}. curr_ver=1 next_ver=2 entry_cnt=3\n"
            );
            let list = PatternList { id, file: Some(file), uses, curr_ver: 1, next_ver: 2, entry_count: Some(3) };
            prop_assert_eq!(parse_lists(&text).unwrap(), vec![list]);
        }

        #[test]
        fn entries_come_back(pairs in proptest::collection::vec(("[^\\s]{1,20}", "[^\\r\\n]{1,20}"), 0..5)) {
            let text: String = pairs.iter().map(|(key, value)| format!("0x7f00 {key} {value}\n")).collect();
            let read: Vec<_> = parse_map_entries(&text)
                .unwrap()
                .into_iter()
                .map(|entry| (entry.key, entry.value.unwrap_or_default()))
                .collect();
            prop_assert_eq!(read, pairs);
        }
    }
}
