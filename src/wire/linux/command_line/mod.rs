//! Any program's command line: what may be shown of it, what the program is called, and which files it names.
//!
//! - `redact`: hides what looks like a secret

mod redact;

use serde::{Deserialize, Serialize};

use crate::label::display_serde_name;
pub use redact::redact_args;

/// What a service is for HAProxy, by its program and its arguments, never by its command name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// HAProxy itself.
    Haproxy,
    /// HAProxy's Data Plane API.
    DataPlaneApi,
    /// What copies Nomad's registrations into HAProxy.
    NomadConnector,
    /// A Nomad agent.
    Nomad,
    /// A PostgreSQL server.
    Postgresql,
    /// Patroni, which runs a PostgreSQL server.
    Patroni,
}

display_serde_name!(Role);

impl Role {
    /// As people call it.
    pub fn display_name(self) -> &'static str {
        match self {
            Role::Haproxy => "HAProxy",
            Role::DataPlaneApi => "Data Plane API",
            Role::NomadConnector => "Nomad connector",
            Role::Nomad => "Nomad",
            Role::Postgresql => "PostgreSQL",
            Role::Patroni => "Patroni",
        }
    }
}

/// Programs that run another program, whose name is the one that people use.
const INTERPRETERS: &[&str] =
    &["python", "pypy", "perl", "ruby", "node", "nodejs", "java", "php", "bash", "sh", "dash", "busybox"];

/// The program behind the words: its file's name, or that of the script, module or archive that an interpreter runs.
pub fn program(exe: Option<&str>, argv: &[String]) -> String {
    let first = argv.first().map_or("", String::as_str);
    let own = base_name(exe.unwrap_or(first));
    // nginx, PostgreSQL and others write a sentence over their arguments.
    if argv.len() == 1 && first.contains(": ") {
        return if exe.is_some() { own } else { first.split(':').next().unwrap_or(first).to_owned() };
    }
    let stem = own.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !INTERPRETERS.contains(&stem) {
        return own;
    }
    let mut rest = argv.iter().skip(1).map(String::as_str);
    while let Some(word) = rest.next() {
        match word {
            "-m" | "-jar" => return rest.next().map_or(own, base_name),
            "-c" | "-e" => return own,
            "-W" | "-X" | "-cp" | "-classpath" => drop(rest.next()),
            word if word.starts_with('-') => {}
            script => return base_name(script),
        }
    }
    own
}

fn base_name(path: &str) -> String {
    path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(path).to_owned()
}

/// What the program is for HAProxy. `exe` is the program on disk where it could be read: a name alone proves nothing.
pub fn role(exe: Option<&str>, argv: &[String]) -> Option<Role> {
    let name = program(exe, argv);
    let option = |flag: &str| argv.iter().skip(1).any(|word| word == flag);
    match name.trim_end_matches(".py") {
        "patroni" => Some(Role::Patroni),
        "postgres" | "postmaster" => Some(Role::Postgresql),
        name if name.contains("nomad-connector") => Some(Role::NomadConnector),
        // A file may be called with its version: nomad_1.10.5.
        name if name.starts_with("dataplaneapi") => Some(Role::DataPlaneApi),
        name if name.starts_with("nomad") && argv.get(1).is_some_and(|word| word == "agent") => {
            Some(Role::Nomad)
        }
        name if name.starts_with("haproxy") && !name.contains("exporter") => {
            // A test of the files is no service.
            ((option("-f") || option("--")) && !option("-c")).then_some(Role::Haproxy)
        }
        _ => None,
    }
}

/// Options whose value is a configuration file or a folder of data, in the spellings of many programs.
const FILE_OPTIONS: &[&str] = &[
    "f",
    "c",
    "D",
    "C",
    "config",
    "config-file",
    "config_file",
    "config.file",
    "configuration",
    "conf",
    "cfg",
    "defaults-file",
    "data-dir",
    "env-file",
    "haproxy-config-file",
];

/// Ends of a name that stand for a file of settings.
const FILE_EXTENSIONS: &[&str] =
    &[".cfg", ".conf", ".cnf", ".hcl", ".ini", ".json", ".properties", ".toml", ".yaml", ".yml"];

/// Words that may name configuration files, as written; whether there is such a file has to be looked up.
pub fn config_file_candidates(argv: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = argv.iter().skip(1).map(String::as_str).peekable();
    while let Some(word) = rest.next() {
        let flag = word.strip_prefix("--").or(word.strip_prefix('-'));
        let (name, value) = match flag {
            Some(flag) => {
                flag.split_once('=').map_or((Some(flag), None), |(name, value)| (Some(name), Some(value)))
            }
            None => (None, Some(word)),
        };
        let value = match name {
            // PostgreSQL: -c config_file=/etc/..
            Some("c") if rest.peek().is_some_and(|next| next.starts_with("config_file=")) => {
                rest.next().and_then(|next| next.split_once('=')).map(|(_, value)| value)
            }
            Some(name) if FILE_OPTIONS.contains(&name) => value.or_else(|| rest.next()),
            Some(_) => None,
            None => value.filter(|word| FILE_EXTENSIONS.iter().any(|end| word.ends_with(end))),
        };
        found.extend(value.filter(|value| is_path(value)).map(str::to_owned));
    }
    found.dedup();
    found
}

fn is_path(word: &str) -> bool {
    !word.is_empty() && !word.contains("://") && !word.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split_args(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_program_is_called_what_people_call_it() {
        let cases = [
            ("/usr/bin/python3.11", "python3 -m http.server 5050", "http.server"),
            ("/usr/bin/python3.11", "/opt/gui/bin/python /opt/gui/bin/gunicorn -w 2 app:app", "gunicorn"),
            ("/usr/bin/python3.11", "python3 -c import(x)", "python3.11"),
            ("/usr/bin/java", "java -Xmx1g -cp /x -jar /opt/app/shop.jar", "shop.jar"),
            ("/usr/bin/bash", "bash /opt/run.sh", "run.sh"),
            ("/usr/sbin/nginx", "nginx: master process /usr/sbin/nginx", "nginx"),
        ];
        for (exe, line, name) in cases {
            assert_eq!(program(Some(exe), &split_args(line)), name, "{line}");
        }
        assert_eq!(program(None, &["nginx: worker process".to_owned()]), "nginx");
        assert_eq!(program(None, &split_args("/usr/sbin/nomad agent -dev")), "nomad");
        assert_eq!(program(None, &[]), "");
    }

    #[test]
    fn a_role_takes_the_program_and_its_arguments() {
        let role = |exe, line: &str| role(exe, &split_args(line));
        assert_eq!(role(Some("/usr/sbin/haproxy"), "haproxy -W -f /etc/h.cfg"), Some(Role::Haproxy));
        assert_eq!(role(Some("/usr/bin/python3.11"), "haproxy -f /etc/h.cfg"), None, "it only took the name");
        assert_eq!(role(None, "haproxy -f /etc/h.cfg"), Some(Role::Haproxy));
        assert_eq!(role(None, "haproxy -c -f /etc/h.cfg"), None, "a test of the files is no service");
        assert_eq!(role(Some("/usr/bin/haproxy_exporter"), "haproxy_exporter -f x"), None);
        assert_eq!(role(Some("/usr/bin/nomad"), "nomad agent -config=/etc/nomad.d"), Some(Role::Nomad));
        assert_eq!(role(Some("/usr/bin/nomad"), "nomad job status"), None);
        assert_eq!(role(Some("/opt/nomad_1.10.5"), "nomad agent"), Some(Role::Nomad));
        let patroni = "/usr/bin/python3 /usr/bin/patroni /etc/patroni.yml";
        assert_eq!(role(Some("/usr/bin/python3.13"), patroni), Some(Role::Patroni));
        assert_eq!(
            role(Some("/usr/lib/postgresql/17/bin/postgres"), "postgres -D /d"),
            Some(Role::Postgresql)
        );
        assert_eq!(role(Some("/usr/bin/dataplaneapi"), "dataplaneapi"), Some(Role::DataPlaneApi));
        assert_eq!(
            role(Some("/usr/local/bin/haproxy-nomad-connector"), "haproxy-nomad-connector"),
            Some(Role::NomadConnector)
        );
    }

    #[test]
    fn files_are_named_in_many_spellings() {
        let cases = [
            ("haproxy -W -f /etc/a.cfg -f /etc/d", "/etc/a.cfg /etc/d"),
            ("nomad agent -config=/etc/nomad.d", "/etc/nomad.d"),
            ("postgres -D /data -c config_file=/etc/pg.conf", "/data /etc/pg.conf"),
            ("patroni /etc/patroni.yml", "/etc/patroni.yml"),
            ("dataplaneapi --config-file /etc/dp.yml --userlist x", "/etc/dp.yml"),
            ("prometheus --config.file=/etc/p.yml", "/etc/p.yml"),
            ("gunicorn -c gunicorn.conf.py app:app", "gunicorn.conf.py"),
            ("x --url http://h/a.json", ""),
        ];
        for (line, expected) in cases {
            assert_eq!(config_file_candidates(&split_args(line)).join(" "), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_arguments_make_it_panic(argv in proptest::collection::vec("[-=:/a-z.@é ]{0,12}", 0..8)) {
            let _ = (program(None, &argv), role(Some("x"), &argv), config_file_candidates(&argv), redact_args(&argv));
        }
    }
}
