//! What a HAProxy really holds, read from its socket by other code than haguard's, so that the two can disagree.

use std::collections::{BTreeMap, BTreeSet};

use super::haproxy::Instance;

/// One look at everything that an operation can destroy: `kind object` to what it is.
pub(crate) type RuntimeSnapshot = BTreeMap<(String, String), BTreeSet<String>>;

/// Looks at the serving worker.
pub(crate) fn snapshot(haproxy: &Instance) -> RuntimeSnapshot {
    let mut truth = RuntimeSnapshot::new();
    let mut put = |kind: &str, object: &str, value: String| {
        truth.entry((kind.to_owned(), object.to_owned())).or_default().insert(value);
    };
    for name in haproxy.ask("show backend").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        put("memory-only-config", name, String::new());
    }
    for line in haproxy.ask("show servers state").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, backend, _, server, address, _, admin, weight, ..] = words[..] else { continue };
        let Ok(bits) = admin.parse::<u32>() else { continue };
        let name = format!("{backend}/{server}");
        put("dynamic-server", &name, String::new());
        put("server-admin-state", &name, format!("{}", bits & 0b1001));
        put("server-weight", &name, weight.to_owned());
        put("server-address", &name, format!("{address}:{}", words[18]));
    }
    for (command, kind) in [("map", "map-entry"), ("acl", "acl-entry")] {
        for line in haproxy.ask(&format!("show {command}")).lines() {
            let Some((id, rest)) = line.split_once(" (").filter(|_| !line.starts_with('#')) else { continue };
            let Some((file, description)) = rest.split_once(')') else { continue };
            if description.contains("'httpclient'") {
                continue;
            }
            let name = if file.is_empty() { inline_name(description) } else { file.to_owned() };
            for entry in
                haproxy.ask(&format!("show {command} #{id}")).lines().filter_map(|l| l.split_once(' '))
            {
                put(kind, &name, entry.1.to_owned());
            }
        }
    }
    for line in haproxy.ask("show table").lines().filter_map(|line| line.strip_prefix("# table: ")) {
        let (name, used) = (line.split(',').next().unwrap(), line.rsplit("used:").next().unwrap());
        for entry in 0..used.trim().parse::<u32>().unwrap() {
            put("stick-table", name, entry.to_string());
        }
    }
    for name in
        haproxy.ask("show ssl cert").lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '*']))
    {
        let details = haproxy.ask(&format!("show ssl cert {name}"));
        if let Some(print) = details.lines().find_map(|line| line.strip_prefix("SHA1 FingerPrint: ")) {
            put("certificate", name, print.to_owned());
        }
    }
    truth
}

/// ` parse_acl 'path_beg' file '/h.cfg' line 19. ..` is called `/h.cfg:19 path_beg`.
fn inline_name(description: &str) -> String {
    let quoted: Vec<&str> = description.split('\'').collect();
    let line = quoted[4].trim_start_matches(" line ").split('.').next().unwrap();
    format!("{}:{line} {}", quoted[3], quoted[1])
}

/// What is not as it was: how many entries of each object went, came or changed.
pub(crate) fn lost(before: &RuntimeSnapshot, after: &RuntimeSnapshot) -> BTreeMap<(String, String), u64> {
    let none = BTreeSet::new();
    let backend_lives = |object: &str| {
        let backend = object.split('/').next().unwrap().to_owned();
        after.contains_key(&("memory-only-config".to_owned(), backend))
    };
    let mut lost = BTreeMap::new();
    let keys: BTreeSet<&(String, String)> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (kind, object) = (key.0.as_str(), key.1.as_str());
        let of_server = kind.starts_with("server-") || kind == "dynamic-server";
        // A server goes with its backend, and a server that is gone has no state left to lose.
        if of_server && !backend_lives(object) {
            continue;
        }
        if kind.starts_with("server-")
            && !after.contains_key(&("dynamic-server".to_owned(), object.to_owned()))
        {
            continue;
        }
        let (was, is) = (before.get(key).unwrap_or(&none), after.get(key).unwrap_or(&none));
        let first_word = |entry: &String| entry.split(' ').next().unwrap().to_owned();
        let differing: BTreeSet<String> = was.symmetric_difference(is).map(first_word).collect();
        let count = match kind {
            // A pair of values is one change.
            _ if of_server || kind == "certificate" || kind == "memory-only-config" => u64::from(was != is),
            "stick-table" => (was.len().saturating_sub(is.len())) as u64,
            _ => differing.len() as u64,
        };
        if count > 0 {
            lost.insert(key.clone(), count);
        }
    }
    lost
}
