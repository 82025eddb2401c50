//! Servers, with what `default-server` and `server-template` make of them.

use super::addresses;
use super::defaults::SectionWithDefaults;
use super::{Host, Line, Port, SourceLocation, Undecided};

/// A template may not make more servers than this here; what is beyond is reported as undecided.
const MAX_TEMPLATE_SERVERS: u32 = 4096;

/// Server keywords that take one argument, which must not be taken for a keyword itself.
const KEYWORDS_WITH_ARGUMENT: [&str; 71] = [
    "addr",
    "agent-addr",
    "agent-inter",
    "agent-port",
    "agent-send",
    "alpn",
    "ca-file",
    "cc",
    "check-alpn",
    "check-pool-conn-name",
    "check-proto",
    "check-sni",
    "ciphers",
    "ciphersuites",
    "client-sigalgs",
    "cookie",
    "crl-file",
    "crt",
    "curves",
    "downinter",
    "error-limit",
    "fall",
    "fastinter",
    "guid",
    "hash-key",
    "healthcheck",
    "id",
    "idle-ping",
    "init-addr",
    "init-state",
    "inter",
    "interface",
    "ktls",
    "log-bufsize",
    "log-proto",
    "max-reuse",
    "maxconn",
    "maxqueue",
    "minconn",
    "namespace",
    "npn",
    "observe",
    "on-error",
    "on-marked-down",
    "on-marked-up",
    "pool-conn-name",
    "pool-low-conn",
    "pool-max-conn",
    "pool-purge-delay",
    "port",
    "proto",
    "proxy-v2-options",
    "redir",
    "resolve-net",
    "resolve-opts",
    "resolve-prefer",
    "resolvers",
    "rise",
    "shard",
    "sigalgs",
    "slowstart",
    "sni",
    "socks4",
    "source",
    "ssl-max-ver",
    "ssl-min-ver",
    "tcp-md5sig",
    "tcp-ut",
    "track",
    "usesrc",
    "verify",
];

/// The rest of them, beside `weight`.
const MORE_KEYWORDS_WITH_ARGUMENT: [&str; 3] = ["set-proxy-v2-tlv-fmt", "verifyhost", "ws"];

/// One server as the next worker would start it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerDef {
    /// Its name.
    pub name: String,
    /// The line that makes it.
    pub at: SourceLocation,
    /// False if it may not exist, or if something below may be otherwise.
    pub certain: bool,
    /// The address word of the line.
    pub address: String,
    /// What that address means.
    pub host: Host,
    /// The port it is reached at.
    pub port: Port,
    /// Its weight.
    pub weight: u32,
    /// It starts in maintenance.
    pub disabled: bool,
    /// It has health checks.
    pub check: bool,
    /// It only serves when the others are gone.
    pub backup: bool,
    /// A `server-template` made it.
    pub from_template: bool,
}

/// What keywords have set so far.
#[derive(Debug, Clone, Copy)]
struct ServerKeywords {
    weight: u32,
    disabled: bool,
    check: bool,
    backup: bool,
    certain: bool,
}

impl ServerKeywords {
    fn apply_line(&mut self, line: &Line, start: usize, certain: bool) {
        self.certain &= certain;
        let mut words = line.words_from(start);
        while let Some(word) = words.next() {
            match word {
                "weight" => match words.next().and_then(leading_number) {
                    Some(weight) => self.weight = weight,
                    None => self.certain = false,
                },
                "disabled" => self.disabled = true,
                "enabled" => self.disabled = false,
                "check" => self.check = true,
                "no-check" => self.check = false,
                "backup" => self.backup = true,
                "no-backup" => self.backup = false,
                other
                    if KEYWORDS_WITH_ARGUMENT.contains(&other)
                        || MORE_KEYWORDS_WITH_ARGUMENT.contains(&other) =>
                {
                    words.next();
                }
                _ => {}
            }
        }
    }
}

/// The digits at the start, as C reads a number.
fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The servers of a proxy, in the order in which HAProxy makes them.
pub(super) fn from_section(
    with_defaults: &SectionWithDefaults<'_>,
    undecided: &mut Vec<Undecided>,
) -> Vec<ServerDef> {
    let mut defaults = ServerKeywords {
        weight: 1,
        disabled: false,
        check: false,
        backup: false,
        certain: with_defaults.certain,
    };
    let mut servers = Vec::new();
    for (line, certain) in with_defaults.lines() {
        match line.word(0) {
            // A `default-server` counts for the servers after it, and those before keep what they got.
            "default-server" => defaults.apply_line(line, 1, certain),
            "server" if !line.word(2).is_empty() => {
                servers.push(build_server(line, line.word(1).to_string(), 2, defaults, certain));
            }
            "server-template" if !line.word(3).is_empty() => {
                expand_template(line, defaults, certain, &mut servers, undecided);
            }
            _ => {}
        }
    }
    servers
}

fn build_server(
    line: &Line,
    name: String,
    address: usize,
    defaults: ServerKeywords,
    certain: bool,
) -> ServerDef {
    let mut draft = defaults;
    draft.apply_line(line, address + 1, certain);
    let (host, port) = addresses::parse_server_address(line.word(address));
    let ServerKeywords { weight, disabled, check, backup, certain } = draft;
    let text = line.word(address).to_string();
    ServerDef {
        name,
        at: line.at.clone(),
        certain,
        address: text,
        host,
        port,
        weight,
        disabled,
        check,
        backup,
        from_template: address == 3,
    }
}

fn expand_template(
    line: &Line,
    defaults: ServerKeywords,
    certain: bool,
    servers: &mut Vec<ServerDef>,
    undecided: &mut Vec<Undecided>,
) {
    let count = line.word(2);
    let range = match count.split_once('-') {
        Some((low, high)) => leading_number(low).zip(leading_number(high)),
        None => leading_number(count).map(|high| (1, high)),
    };
    let Some((low, high)) = range.filter(|(low, high)| low <= high) else {
        undecided.push(Undecided {
            at: line.at.clone(),
            why: format!("server-template cannot count to {count:?}"),
        });
        return;
    };
    let last = high.min(low.saturating_add(MAX_TEMPLATE_SERVERS - 1));
    if last < high {
        let why =
            format!("server-template makes more servers than the {MAX_TEMPLATE_SERVERS} that are read here");
        undecided.push(Undecided { at: line.at.clone(), why });
    }
    let first = build_server(line, String::new(), 3, defaults, certain);
    servers.extend((low..=last).map(|n| ServerDef { name: format!("{}{n}", line.word(1)), ..first.clone() }));
}
