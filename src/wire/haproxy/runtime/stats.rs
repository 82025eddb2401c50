//! `show stat`: one CSV row per frontend, backend, server and listener.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Malformed, first_line};

const COMMAND: &str = "show stat";
/// As many columns as HAProxy 3.4 has, roughly; a row with more makes room for them.
const COLUMNS: usize = 128;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatKind {
    /// A frontend.
    Frontend,
    /// A backend.
    Backend,
    /// A server of a backend.
    Server,
    /// A `bind` of a frontend.
    Listener,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatRow {
    /// Proxy name.
    pub pxname: String,
    /// Server or listener name; `FRONTEND` or `BACKEND` for the proxy itself.
    pub svname: String,
    /// What the row is about.
    pub kind: StatKind,
    /// Sessions now.
    pub scur: u64,
    /// Sessions since the start.
    pub stot: u64,
    /// `UP`, `DOWN`, `MAINT`, `OPEN`, `no check`, `UP 1/3` and the like.
    pub status: String,
    /// `L4OK`, `L7TOUT`, `INI` before the first result, `* L4OK` while the next is under way; absent without a check.
    pub check: Option<String>,
    /// `http`, `tcp`; absent on some rows.
    pub mode: Option<String>,
    /// Active servers of a backend; 1 for a server that is not a backup.
    pub act: Option<u32>,
    /// Backup servers of a backend; 1 for a server that is one.
    pub bck: Option<u32>,
    /// Most sessions at once; absent where there is no limit.
    pub limit: Option<u32>,
    /// Most requests that may wait for a server; absent where there is no limit.
    pub queue_limit: Option<u32>,
    /// The cookie value of a server.
    pub cookie: Option<String>,
    /// Good checks in a row that bring a server back; absent while its checks are off.
    pub rise: Option<u32>,
    /// Bad checks in a row that take it away; absent while its checks are off.
    pub fall: Option<u32>,
}

/// Reads the answer of `show stat`. Rows of a kind that is not known are passed over.
pub fn parse(text: &str) -> Result<Vec<StatRow>, Malformed> {
    let text = text.trim_start();
    let Some(body) = text.strip_prefix("# ") else {
        return Err(Malformed::new(COMMAND, "no header", first_line(text)));
    };
    let mut records = Records(body);
    let header = records.next().unwrap_or_default();
    let columns = Columns::find(&header).map_err(|why| Malformed::new(COMMAND, why, first_line(text)))?;
    let mut rows = Vec::new();
    for record in records {
        match columns.row(&record) {
            Ok(row) => rows.extend(row),
            Err(why) => return Err(Malformed::new(COMMAND, why, &record.join(","))),
        }
    }
    Ok(rows)
}

struct Columns {
    pxname: usize,
    svname: usize,
    kind: usize,
    scur: usize,
    stot: usize,
    status: usize,
    check: Option<usize>,
    mode: Option<usize>,
    act: Option<usize>,
    bck: Option<usize>,
    limit: Option<usize>,
    queue_limit: Option<usize>,
    cookie: Option<usize>,
    rise: Option<usize>,
    fall: Option<usize>,
}

impl Columns {
    fn find(header: &[Cow<str>]) -> Result<Self, &'static str> {
        let at = |name: &str| header.iter().position(|column| column == name);
        let need = |name: &str| at(name).ok_or("a column is missing");
        Ok(Columns {
            pxname: need("pxname")?,
            svname: need("svname")?,
            kind: need("type")?,
            scur: need("scur")?,
            stot: need("stot")?,
            status: need("status")?,
            check: at("check_status"),
            mode: at("mode"),
            act: at("act"),
            bck: at("bck"),
            limit: at("slim"),
            queue_limit: at("qlimit"),
            cookie: at("cookie"),
            rise: at("check_rise"),
            fall: at("check_fall"),
        })
    }

    fn row(&self, record: &[Cow<str>]) -> Result<Option<StatRow>, &'static str> {
        let field = |at: usize| record.get(at).map(|word| &**word).ok_or("a row ends early");
        let number = |at: usize| match field(at)? {
            "" => Ok(0),
            digits => digits.parse::<u64>().map_err(|_| "a number is expected"),
        };
        let count = |at: Option<usize>| at.and_then(|at| record.get(at)).and_then(|word| word.parse().ok());
        let word =
            |at: Option<usize>| Some(&**record.get(at?)?).filter(|word| !word.is_empty()).map(str::to_owned);
        let kind = match field(self.kind)? {
            "0" => StatKind::Frontend,
            "1" => StatKind::Backend,
            "2" => StatKind::Server,
            "3" => StatKind::Listener,
            other if other.parse::<u32>().is_ok() => return Ok(None),
            _ => return Err("no type of row"),
        };
        Ok(Some(StatRow {
            pxname: field(self.pxname)?.to_owned(),
            svname: field(self.svname)?.to_owned(),
            kind,
            scur: number(self.scur)?,
            stot: number(self.stot)?,
            status: field(self.status)?.to_owned(),
            check: word(self.check),
            mode: word(self.mode),
            act: count(self.act),
            bck: count(self.bck),
            limit: count(self.limit),
            queue_limit: count(self.queue_limit),
            cookie: word(self.cookie),
            rise: count(self.rise),
            fall: count(self.fall),
        }))
    }
}

/// CSV records. A quoted field may hold commas, line ends and doubled quotes, as check output does. Fields without
/// quotation marks are slices of the answer: 1000 backends of three servers make half a million of them.
struct Records<'a>(&'a str);

impl<'a> Iterator for Records<'a> {
    type Item = Vec<Cow<'a, str>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0 = self.0.trim_start_matches(['\n', '\r']);
        if self.0.is_empty() {
            return None;
        }
        let mut record = Vec::with_capacity(COLUMNS);
        loop {
            record.push(self.field());
            let mut rest = self.0.chars();
            let separator = rest.next();
            self.0 = rest.as_str();
            if separator != Some(',') {
                return Some(record);
            }
        }
    }
}

impl<'a> Records<'a> {
    /// Takes a field, and leaves the separator behind it.
    fn field(&mut self) -> Cow<'a, str> {
        if self.0.as_bytes().first() != Some(&b'"') {
            return Cow::Borrowed(self.unquoted());
        }
        let mut rest = &self.0[1..];
        let mut field = String::new();
        loop {
            let (inside, after) = rest.split_once('"').unwrap_or((rest, ""));
            field.push_str(inside);
            match after.strip_prefix('"') {
                Some(more) => {
                    field.push('"');
                    rest = more;
                }
                None => {
                    self.0 = after;
                    field.push_str(self.unquoted());
                    return Cow::Owned(field);
                }
            }
        }
    }

    fn unquoted(&mut self) -> &'a str {
        let end = self.0.bytes().position(|byte| matches!(byte, b',' | b'\n')).unwrap_or(self.0.len());
        let (field, rest) = self.0.split_at(end);
        self.0 = rest;
        field
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    #[test]
    fn every_branch_names_its_proxies_and_servers() {
        for (branch, text) in fixtures::every("show_stat") {
            let rows = parse(&text).unwrap();
            let of = |px: &str, sv: &str| rows.iter().find(|r| r.pxname == px && r.svname == sv).unwrap();
            let front = of("fe", "FRONTEND");
            assert_eq!((front.kind, front.status.as_str()), (StatKind::Frontend, "OPEN"), "{branch}");
            assert!(front.stot >= 5 && front.mode.as_deref() == Some("http"), "{branch}: {front:?}");
            let back = of("web", "BACKEND");
            assert_eq!((back.kind, back.act, back.bck), (StatKind::Backend, Some(1), Some(0)), "{branch}");
            assert_eq!(of("web", "s1").status, "MAINT", "{branch}");
            assert_eq!(of("web", "t1").status, "DRAIN", "{branch}");
            assert_eq!(of("web", "t3").status, "no check", "{branch}");
            assert_eq!(of("web", "dyn1").kind, StatKind::Server, "{branch}");
        }
    }

    #[test]
    fn a_quoted_field_may_hold_anything() {
        let text = "# pxname,svname,scur,stot,status,type,check_desc\na,\"s,\"\"1\"\"\nx\",1,2,UP,2,\"a,b\"\nb,BACKEND,0,0,UP,1,\n\n";
        let rows = parse(text).unwrap();
        assert_eq!(rows[0].svname, "s,\"1\"\nx");
        assert_eq!((rows[0].scur, rows[0].stot, rows.len()), (1, 2, 2));
        assert_eq!((rows[1].act, &rows[1].mode), (None, &None));
    }

    #[test]
    fn another_answer_is_an_error() {
        let header = "# pxname,svname,scur,stot,status,type\n";
        let rows = ["a,b,c,d,e,2\n", "a,b\n", "a,b,1,1,UP,x\n"];
        assert!(
            parse("").is_err()
                && parse("# pxname,svname\n").is_err()
                && parse("Permission denied\n").is_err()
        );
        for row in rows {
            assert!(parse(&format!("{header}{row}")).is_err(), "{row:?}");
        }
        assert_eq!(parse(&format!("{header}a,b,1,1,UP,9\n")), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", tail in "[a-z0-9,\"\n]{0,200}") {
            let _ = parse(&text);
            let _ = parse(&format!("# pxname,svname,scur,stot,status,type\n{tail}"));
        }

        #[test]
        fn rows_come_back(names in proptest::collection::vec("(?s).{1,12}", 1..8), scur: u64) {
            let mut text = String::from("# pxname,svname,scur,stot,status,type,\n");
            for name in &names {
                text += &format!("\"{}\",s,{scur},0,UP,2,\n", name.replace('"', "\"\""));
            }
            let rows = parse(&text).unwrap();
            prop_assert_eq!(rows.iter().map(|row| &row.pxname).collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
            prop_assert!(rows.iter().all(|row| row.scur == scur));
        }
    }
}
