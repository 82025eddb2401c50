//! `haguard.toml`: its tables and keys, and errors that name the nearest key.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer};

use super::keys::{TABLES, TableSpec};

/// The whole file. Every key may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileSettings {
    /// The HAProxy that is guarded.
    pub haproxy: Haproxy,
    /// The Data Plane API, where there is one.
    pub dataplane: Option<Dataplane>,
    /// Findings that are ignored.
    pub ignore: Vec<Ignore>,
    /// The architecture that was pinned.
    pub pin: Vec<Pin>,
}

/// `[[ignore]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// The check's id.
    pub check: String,
    /// Why it is ignored; never empty.
    pub reason: String,
    /// The last day on which it counts.
    #[serde(default, deserialize_with = "day")]
    pub until: Option<Date>,
}

/// A day as TOML writes it, without quotes and without a time.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    use serde::de::Error;
    let said = toml::value::Datetime::deserialize(deserializer)?;
    let day = said.to_string().parse::<Date>().ok().filter(|_| said.time.is_none());
    day.map(Some)
        .ok_or_else(|| D::Error::custom("`until` is a date without quotes and time: write it as 2027-01-31"))
}

/// `[[pin]]`: who is expected to control a service, as `inspect --save` records it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// What it is: haproxy, data-plane-api, nomad-connector, nomad, postgresql, patroni, or a program's name.
    pub service: String,
    /// The kind of its controller: systemd, docker, nobody, ...
    pub controller: String,
    /// The unit, where systemd controls it.
    pub unit: Option<String>,
    /// The container's name, where one holds it.
    pub container: Option<String>,
    /// What another controller calls it: a program, a task, a folder, a session.
    pub name: Option<String>,
    /// Its configuration files.
    #[serde(default)]
    pub config: Vec<String>,
}

/// `[haproxy]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Haproxy {
    /// The master socket (`haproxy -S`), a unix path.
    pub master_socket: Option<PathBuf>,
    /// The admin socket (`stats socket`), a unix path.
    pub stats_socket: Option<PathBuf>,
    /// The files and folders that the master loads, in its order.
    pub config: Option<Vec<PathBuf>>,
    /// The binary that the next start would run.
    pub binary: Option<PathBuf>,
    /// The systemd unit.
    pub unit: Option<String>,
}

/// `[dataplane]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataplane {
    /// `http://`, `https://` or `unix:/path`.
    pub url: String,
    /// The user for HTTP Basic.
    pub username: Option<String>,
    /// A file that holds the password, readable by its owner only.
    pub password_file: Option<PathBuf>,
    /// A PEM file with the authority that signed the API's certificate.
    pub ca_file: Option<PathBuf>,
}

/// Reads the text of a `haguard.toml`.
///
/// # Errors
/// With line and column for a syntax error, and with the nearest known name for an unknown key.
pub fn parse(text: &str) -> Result<FileSettings> {
    let table: toml::Table = toml::from_str(text).map_err(|error| located_error(text, &error))?;
    for (name, value) in &table {
        let Some(spec) = TABLES.iter().find(|spec| spec.name == name) else {
            let names: Vec<&str> = TABLES.iter().map(|spec| spec.name).collect();
            bail!("unknown table `{name}`{}", nearest_name(name, &names));
        };
        check_keys(spec, value)?;
    }
    let file: FileSettings = toml::from_str(text).map_err(|error| located_error(text, &error))?;
    if let Some(dataplane) = &file.dataplane {
        check_url(&dataplane.url).context("in [dataplane]")?;
    }
    Ok(file)
}

/// A table, or a list of them, with no key but those that are known.
fn check_keys(spec: &TableSpec, value: &toml::Value) -> Result<()> {
    let (name, heading, known) = (spec.name, spec.heading(), spec.key_names());
    let members: Vec<&toml::Value> = match value.as_array() {
        Some(members) if spec.list => members.iter().collect(),
        None if !spec.list => vec![value],
        _ if spec.list => bail!("`{name}` is a list: write {heading}"),
        _ => bail!("`{name}` is a table: write {heading}"),
    };
    for member in members {
        let kind = if spec.list { "a list of tables" } else { "a table" };
        let table = member.as_table().with_context(|| format!("`{name}` is {kind}: write {heading}"))?;
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            bail!("unknown key `{key}` in {heading}{}", nearest_name(key, &known));
        }
    }
    Ok(())
}

/// Where and what, in one line. The line itself is not repeated, since it may hold a password.
fn located_error(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let what = error.message().replace('\n', ", ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => anyhow::anyhow!("line {}: {what}", before.matches('\n').count() + 1),
        None => anyhow::anyhow!("{what}"),
    }
}

fn check_url(url: &str) -> Result<()> {
    let Some(rest) = ["http://", "https://", "unix:"].iter().find_map(|scheme| url.strip_prefix(scheme))
    else {
        bail!("url must start with http://, https:// or unix: (it is `{}`)", without_credentials(url));
    };
    if rest.split('/').next().is_some_and(|authority| authority.contains('@')) && !url.starts_with("unix:") {
        bail!("url holds a user or password: move them to username and password_file");
    }
    if rest.trim_matches('/').is_empty() {
        bail!("url has no host: write http://HOST:PORT or unix:/PATH");
    }
    Ok(())
}

/// A URL that may be shown: what stands before an `@` is dropped.
fn without_credentials(url: &str) -> &str {
    url.rsplit('@').next().unwrap_or(url)
}

fn nearest_name(name: &str, known: &[&str]) -> String {
    let best = known.iter().map(|k| (strsim::jaro_winkler(name, k), *k)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, near)) if score > 0.75 => format!(": did you mean `{near}`?"),
        _ => format!(": the known names are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse_error(text: &str) -> String {
        format!("{:#}", parse(text).unwrap_err())
    }

    #[test]
    fn an_unknown_key_is_named_with_its_neighbour() {
        assert_eq!(
            parse_error("[haproxy]\nmaster_sokcet = '/run/m.sock'\n"),
            "unknown key `master_sokcet` in [haproxy]: did you mean `master_socket`?"
        );
        assert_eq!(parse_error("[haproxi]\n"), "unknown table `haproxi`: did you mean `haproxy`?");
        assert_eq!(
            parse_error("[zzz]\n"),
            "unknown table `zzz`: the known names are haproxy, dataplane, ignore, pin"
        );
        assert_eq!(parse_error("haproxy = 3\n"), "`haproxy` is a table: write [haproxy]");
        assert_eq!(parse_error("[pin]\n"), "`pin` is a list: write [[pin]]");
        assert_eq!(parse_error("[[pin]]\nunti='a'\n"), "unknown key `unti` in [[pin]]: did you mean `unit`?");
    }

    #[test]
    fn a_wrong_type_or_a_broken_line_is_shown_where_it_stands() {
        assert!(
            parse_error("[haproxy]\nconfig = 'one'\n").contains("line 2"),
            "{}",
            parse_error("[haproxy]\nconfig = 'one'\n")
        );
        assert!(parse_error("[haproxy\n").contains("line 1"));
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_repeated() {
        for url in ["http://admin:hunter2@lb1:5555", "ftp://admin:hunter2@lb1"] {
            let said = parse_error(&format!("[dataplane]\nurl = '{url}'\n"));
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert!(parse_error("[dataplane]\nurl = 'http://'\n").contains("has no host: write"));
        assert!(parse("[dataplane]\nurl = 'unix:/run/dp.sock'\n").is_ok());
    }

    #[test]
    fn the_known_keys_are_the_keys_of_the_structs() {
        let all = "[haproxy]\nmaster_socket='a'\nstats_socket='b'\nconfig=['c']\nbinary='d'\nunit='e'\n\
                   [dataplane]\nurl='http://h'\nusername='u'\npassword_file='p'\nca_file='c'\n\
                   [[pin]]\nservice='s'\ncontroller='c'\nunit='u'\ncontainer='x'\nname='n'\nconfig=['f']\n\
                   [[ignore]]\ncheck='c'\nreason='r'\nuntil=2027-01-31\n";
        assert!(parse(all).is_ok());
        let parsed: toml::Table = toml::from_str(all).unwrap();
        for spec in TABLES {
            let several = parsed[spec.name].as_array().map(|all| all[0].as_table().unwrap());
            let written = several.or(parsed[spec.name].as_table()).unwrap();
            let mut names = spec.key_names();
            names.sort_unstable();
            assert_eq!(written.keys().map(String::as_str).collect::<Vec<_>>(), names, "{}", spec.name);
            assert_eq!(several.is_some(), spec.list, "{}", spec.name);
        }
    }

    /// A key is called required in the manual exactly where a table without it is an error.
    #[test]
    fn a_key_without_a_default_is_one_that_may_not_be_left_out() {
        for spec in TABLES {
            for left_out in spec.keys {
                let others = spec.keys.iter().filter(|key| key.name != left_out.name);
                let lines = others.map(|key| format!("{} = {}\n", key.name, key.example)).collect::<String>();
                let parsed = parse(&format!("{}\n{lines}", spec.heading()));
                assert_eq!(parsed.is_ok(), left_out.default.is_some(), "{}.{}", spec.name, left_out.name);
            }
        }
    }

    #[test]
    fn a_finding_to_live_with_has_a_reason_and_may_have_a_last_day() {
        let text = "[[ignore]]\ncheck = 'config.state-file'\nreason = 'INC-1'\nuntil = 2027-01-31\n\
                    [[ignore]]\ncheck = 'proc.leftovers'\nreason = 'websockets'\n";
        let ignore = parse(text).unwrap().ignore;
        assert_eq!(ignore[0].until, Some(jiff::civil::date(2027, 1, 31)));
        assert_eq!((ignore[1].check.as_str(), ignore[1].until), ("proc.leftovers", None));
        assert_eq!(parse_error("[ignore]\ncheck = 'x'\n"), "`ignore` is a list: write [[ignore]]");
        assert!(parse_error("[[ignore]]\ncheck = 'x'\n").contains("reason"));
        let said = parse_error("[[ignore]]\nchekc = 'x'\n");
        assert_eq!(said, "unknown key `chekc` in [[ignore]]: did you mean `check`?");
        for until in ["'2027-01-31'", "2027-01-31T10:00:00Z", "10:00:00"] {
            let text = format!("[[ignore]]\ncheck = 'x'\nreason = 'y'\nuntil = {until}\n");
            assert!(parse(&text).is_err(), "{until}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }
    }
}
