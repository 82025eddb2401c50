//! Twenty servers with everything that is set at run time, for a HAProxy that is reached by commands alone.

/// A configuration with twenty servers and a map, whose socket and map are in these folders.
pub(super) fn config(run: &str, etc: &str, binds: &[&str]) -> String {
    let binds: String = binds.iter().map(|bind| format!("    bind {bind}\n")).collect();
    let mut config = format!(
        "global\n    stats socket {run}/admin.sock mode 660 level admin\n    maxconn 200\n\
         defaults\n    mode http\n    timeout connect 2s\n    timeout client 60s\n    timeout server 60s\n\
         frontend web\n{binds}    use_backend %[path,map({etc}/routes.map)] if {{ path,map({etc}/routes.map) -m found }}\n\
         \x20   default_backend app\nbackend app\n    balance roundrobin\n"
    );
    for number in 1..=20 {
        config.push_str(&format!("    server s{number} 127.0.0.1:9 weight 10\n"));
    }
    config
}

/// The map's file.
pub(super) const MAP: &str = "/a app\n/b app\n";

/// MAINT, weights, three servers that are in no file, and two entries of the map.
pub(super) fn disturb(admin: impl Fn(&str) -> String, etc: &str) {
    for number in 1..=5 {
        admin(&format!("set server app/s{number} state maint"));
        admin(&format!("set server app/s{} weight {}", number + 5, number * 2));
    }
    for name in ["dyn1", "dyn2", "dyn3"] {
        admin(&format!("add server app/{name} 127.0.0.1:9 weight 7"));
        admin(&format!("enable server app/{name}"));
    }
    admin(&format!("add map {etc}/routes.map /c app"));
    admin(&format!("del map {etc}/routes.map /b"));
    let holds = holds(&admin, etc);
    assert!(holds.len() == 25 && holds.iter().any(|line| line.starts_with("dyn3 ")), "{holds:?}");
}

/// Servers with their address, state and weight, and the entries of the map.
pub(super) fn holds(admin: impl Fn(&str) -> String, etc: &str) -> Vec<String> {
    let servers = admin("show servers state app");
    let mut lines: Vec<String> = servers
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, "app", _, name, address, _, admin, weight, ..] = words[..] else { return None };
            Some(format!("{name} {address}:{} {admin} {weight}", words.get(18)?))
        })
        .collect();
    let map = admin(&format!("show map {etc}/routes.map"));
    lines.extend(map.lines().filter_map(|line| Some(line.split_once(' ')?.1.to_owned())));
    lines.sort();
    lines
}
