//! `show table`: stick tables and how full they are. Their entries are not read here.

use serde::{Deserialize, Serialize};

use super::{Malformed, lines};

const COMMAND: &str = "show table";

/// One stick table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StickTable {
    /// Its name, mostly that of its proxy.
    pub name: String,
    /// Type of its keys, such as `ip` or `string`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Entries it can hold.
    pub size: u64,
    /// Entries it holds.
    pub used: u64,
    /// Whether `contents not dumped` follows: the socket's level is too low to see entries.
    pub withheld: bool,
}

/// Reads the answer of `show table` or of `show table NAME`, whose entries are passed over.
pub fn parse(text: &str) -> Result<Vec<StickTable>, Malformed> {
    let mut tables: Vec<StickTable> = Vec::new();
    for line in lines(text) {
        if let Some(rest) = line.strip_prefix("# table: ") {
            tables.push(parse_table(rest).map_err(|why| Malformed::new(COMMAND, why, line))?);
        } else if let Some(comment) = line.strip_prefix('#') {
            if comment.trim_start().starts_with("contents not dumped") {
                match tables.last_mut() {
                    Some(table) => table.withheld = true,
                    None => return Err(Malformed::new(COMMAND, "contents of no table", line)),
                }
            }
        } else if tables.is_empty() {
            return Err(Malformed::new(COMMAND, "no line for a table", line));
        }
    }
    Ok(tables)
}

/// `NAME, type: TYPE, size:N, used:N`.
fn parse_table(rest: &str) -> Result<StickTable, &'static str> {
    let mut parts = rest.split(", ");
    let name = parts.next().filter(|name| !name.is_empty()).ok_or("no name")?.to_owned();
    let (mut kind, mut size, mut used) = (None, None, None);
    for (key, value) in parts.filter_map(|part| part.split_once(':')) {
        match key.trim() {
            "type" => kind = Some(value.trim().to_owned()),
            "size" => size = value.trim().parse().ok(),
            "used" => used = value.trim().parse().ok(),
            _ => {}
        }
    }
    Ok(StickTable {
        name,
        kind: kind.ok_or("no type")?,
        size: size.ok_or("no size")?,
        used: used.ok_or("no count of entries")?,
        withheld: false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    #[test]
    fn every_branch_counts_its_entries() {
        for (branch, text) in fixtures::every("show_table") {
            let tables = parse(&text).unwrap();
            let names: Vec<_> = tables.iter().map(|t| (t.name.as_str(), t.kind.as_str(), t.size)).collect();
            assert_eq!(names, [("api", "string", 1024), ("web", "ip", 1024)], "{branch}");
            assert!(tables.iter().all(|table| table.used > 0 && !table.withheld), "{branch}");
        }
        for (branch, text) in fixtures::every("show_table_api") {
            assert_eq!(parse(&text).unwrap().len(), 1, "{branch}");
        }
    }

    #[test]
    fn a_low_level_is_seen() {
        for (branch, text) in fixtures::every("show_table_user") {
            assert!(parse(&text).unwrap()[0].withheld, "{branch}");
        }
    }

    #[test]
    fn no_table_is_not_an_error_but_a_refusal_is() {
        assert_eq!(parse("\n"), Ok(Vec::new()));
        for text in ["No such table\n", "# table: x, type: ip\n", "# contents not dumped\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", tail in "[a-z0-9,: ]{0,100}") {
            let _ = parse(&text);
            let _ = parse(&format!("# table: {tail}"));
        }

        #[test]
        fn tables_come_back(name in "[A-Za-z0-9_.:-]{1,20}", size: u64, used: u64, withheld: bool) {
            let note = if withheld { "# contents not dumped due to x\n" } else { "" };
            let text = format!("# table: {name}, type: ipv6, size:{size}, used:{used}, new:1\n{note}0x1: key=::1\n\n");
            let table = StickTable { name, kind: "ipv6".to_owned(), size, used, withheld };
            prop_assert_eq!(parse(&text).unwrap(), vec![table]);
        }
    }
}
