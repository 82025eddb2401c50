//! Every key of `haguard.toml` with its meaning, default and example: the parser, haguard.toml(5) and
//! `examples/haguard.toml` all stand on this one list.

/// A table of the file, or a list of tables.
#[derive(Debug)]
pub struct TableSpec {
    /// As it is written between the brackets.
    pub name: &'static str,
    /// Whether it is `[[name]]` and may be repeated.
    pub list: bool,
    /// What it is for.
    pub meaning: &'static str,
    /// Its keys, in the order in which they are shown.
    pub keys: &'static [KeySpec],
}

/// A key of a table.
#[derive(Debug)]
pub struct KeySpec {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// What holds where it is left out; `None` where it may not be left out.
    pub default: Option<&'static str>,
    /// A value as TOML writes it.
    pub example: &'static str,
}

impl TableSpec {
    /// The line that begins it.
    pub fn heading(&self) -> String {
        if self.list { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }

    /// The names of its keys.
    pub fn key_names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

/// The whole file.
pub const TABLES: &[TableSpec] = &[HAPROXY, DATAPLANE, IGNORE, PIN];

const HAPROXY: TableSpec = TableSpec {
    name: "haproxy",
    list: false,
    meaning: "The HAProxy to work on. It is discovered where this host runs only one.",
    keys: &[
        KeySpec {
            name: "master_socket",
            meaning: "The socket that HAProxy's master was given with -S. Where several HAProxy instances run on this \
                      host, it selects one.",
            default: Some("discovered from the arguments of the master; --master-socket wins"),
            example: "\"/run/haproxy/master.sock\"",
        },
        KeySpec {
            name: "stats_socket",
            meaning: "A `stats socket` of it, of level admin. Where there is none, haguard asks through the master \
                      socket.",
            default: Some("discovered from the configuration of HAProxy; --stats-socket wins"),
            example: "\"/run/haproxy/admin.sock\"",
        },
        KeySpec {
            name: "config",
            meaning: "The files and folders that the master loads, in its order. Name them where haguard may not read \
                      the arguments of the master.",
            default: Some("discovered from the arguments of the master"),
            example: "[\"/etc/haproxy/haproxy.cfg\", \"/etc/haproxy/conf.d\"]",
        },
        KeySpec {
            name: "binary",
            meaning: "The program that the next start would run.",
            default: Some("the program of the master"),
            example: "\"/usr/sbin/haproxy\"",
        },
        KeySpec {
            name: "unit",
            meaning: "The systemd unit of HAProxy. It is used only where systemd and the process agree.",
            default: Some("the unit that is proven to control the process"),
            example: "\"haproxy.service\"",
        },
    ],
};

const DATAPLANE: TableSpec = TableSpec {
    name: "dataplane",
    list: false,
    meaning: "The Data Plane API of HAProxy. Leave this table out where there is none.",
    keys: &[
        KeySpec {
            name: "url",
            meaning: "Its address: http://, https:// or unix:/path, without user and password.",
            default: None,
            example: "\"https://127.0.0.1:5555\"",
        },
        KeySpec {
            name: "username",
            meaning: "The user for HTTP Basic authentication.",
            default: Some("no authentication"),
            example: "\"haguard\"",
        },
        KeySpec {
            name: "password_file",
            meaning: "A file that holds the password and that only its owner may read (chmod 600). \
                      HAGUARD_DATAPLANE_PASSWORD wins over it.",
            default: Some("no password"),
            example: "\"/etc/haguard/dataplane-password\"",
        },
        KeySpec {
            name: "ca_file",
            meaning: "The authority that signed the certificate of the API, as PEM. Keys of certificates may be RSA, P-256, \
                      P-384 or Ed25519, not P-521.",
            default: Some("the authorities of this host"),
            example: "\"/etc/haguard/dataplane-ca.pem\"",
        },
    ],
};

const IGNORE: TableSpec = TableSpec {
    name: "ignore",
    list: true,
    meaning: "A finding to ignore: it is still shown, as a warning at most, and stops nothing. arch.*, guard.* and \
              what an operation itself depends on cannot be ignored, and restart --break-glass ignores these entries. \
              One table for each check.",
    keys: &[
        KeySpec {
            name: "check",
            meaning: "The id of the check; `haguard check --list` shows them.",
            default: None,
            example: "\"config.hard-stop-after\"",
        },
        KeySpec {
            name: "reason",
            meaning: "Why it is ignored; it is shown with the finding.",
            default: None,
            example: "\"websockets live for days, INC-4711\"",
        },
        KeySpec {
            name: "until",
            meaning: "The last day on which it counts: a date without quotes.",
            default: Some("it counts for ever"),
            example: "2027-01-31",
        },
    ],
};

const PIN: TableSpec = TableSpec {
    name: "pin",
    list: true,
    meaning: "The expected controller of a service. `haguard inspect --save` writes these tables; where something else \
              is found, the check arch.expected fails and stops every change. One table for each service.",
    keys: &[
        KeySpec {
            name: "service",
            meaning: "What it is: haproxy, data-plane-api, nomad-connector, nomad, postgresql, patroni, or the name of a \
                      program.",
            default: None,
            example: "\"haproxy\"",
        },
        KeySpec {
            name: "controller",
            meaning: "The kind of its controller: systemd, docker, podman, supervisord, nobody and so on.",
            default: None,
            example: "\"systemd\"",
        },
        KeySpec {
            name: "unit",
            meaning: "The unit, where systemd controls it.",
            default: Some("no unit is compared"),
            example: "\"haproxy.service\"",
        },
        KeySpec {
            name: "container",
            meaning: "The name of the container, where it runs in one.",
            default: Some("no container is compared"),
            example: "\"edge\"",
        },
        KeySpec {
            name: "name",
            meaning: "The name that another controller has for it: a program, a task, a folder, a session.",
            default: Some("no name is compared"),
            example: "\"edge\"",
        },
        KeySpec {
            name: "config",
            meaning: "Its configuration files.",
            default: Some("no files are compared"),
            example: "[\"/etc/haproxy/haproxy.cfg\"]",
        },
    ],
};
