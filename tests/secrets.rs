//! Nothing secret leaves haguard: not on its streams, not in a document or the journal, not on its command line.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::dataplane::{DataPlaneServer, Mode, USER};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::origin::Origin;
use crate::support::pem;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// Each is planted in a place of its own, so that a leak says where it comes from.
const HASH: &str = "$5$saltsalt$HASHhashHASHhash";
const STATS: &str = "pageant-of-stats";
const TOKEN_KEY: &str = "token-as-map-key";
const TOKEN_VALUE: &str = "token-as-map-value";
const TOKEN_LIVE: &str = "token-set-at-run-time";
const ENVIRONMENT: &str = "environment-secret";
const TABLE_KEY: &str = "session-in-a-table";
const WRONG: &str = "wrong-but-still-secret";

const CONFIG: &str = "
userlist people
    user alice password $5$saltsalt$HASHhashHASHhash
    user bob insecure-password pageant-of-stats
frontend web
    bind 127.0.0.1:{port:web}
    bind 127.0.0.1:{port:tls} ssl crt {dir}/site.pem
    stats auth admin:pageant-of-stats
    http-request deny if { http_auth(people) }
    http-request set-header x-key \"${API_KEY}\"
    http-request set-header x-token %[req.hdr(host),map({dir}/tokens.map)]
    acl blocked req.hdr(x-token) environment-secret
    http-request deny if blocked
    default_backend app
backend app
    stick-table type string len 64 size 1k expire 1h store http_req_cnt
    server one 127.0.0.1:{port:origin}
";

fn start(branch: Branch, origin: &Origin) -> (Instance, String) {
    let pem = pem::self_signed("secret.test");
    let haproxy = Instance::builder(branch)
        .config(&CONFIG.replace("{port:origin}", &origin.port.to_string()))
        .file("tokens.map", &format!("{TOKEN_KEY} {TOKEN_VALUE}\n"))
        .file("site.pem", &pem)
        .env("API_KEY", ENVIRONMENT)
        .start();
    haproxy.admin(&format!("add map {}/tokens.map other {TOKEN_LIVE}", haproxy.dir().display()));
    haproxy.admin(&format!("set table app key {TABLE_KEY} data.http_req_cnt 5"));
    haproxy.admin("set server app/one state maint");
    let said = haproxy.admin(&format!("set ssl cert {}/site.pem <<\n{pem}\n", haproxy.dir().display()));
    assert!(said.contains("created"), "an open transaction: {said}");
    let key =
        pem.split_once("PRIVATE KEY-----\n").expect("a key").1.lines().next().expect("a line").to_owned();
    (haproxy, key)
}

/// Runs it as talkative as can be and gives back everything that it said, with its own command line.
fn everything(haguard: &Haguard, args: &[&str], env: &[(&str, &str)]) -> String {
    let mut command = haguard.command();
    command.args(args).envs(env.iter().copied()).env("RUST_BACKTRACE", "1").env("RUST_LOG", "trace");
    let said = RunOutput::from_command(command.arg("-vv"));
    assert!([0, 2, 3, 5].contains(&said.status), "{said}");
    format!("{args:?}\n{said}")
}

#[track_caller]
fn keeps(said: &str, secrets: &[&str]) {
    for secret in secrets {
        if let Some(at) = said.find(secret) {
            panic!("`{secret}` leaks: ..{}..", &said[at.saturating_sub(300)..(at + 100).min(said.len())]);
        }
    }
}

const COMMANDS: [&[&str]; 8] = [
    &["restart"],
    &["restart", "-o", "json"],
    &["inspect"],
    &["inspect", "-o", "json"],
    &["inspect", "--losses"],
    &["check"],
    &["check", "-o", "json"],
    &["config", "show", "--origin", "-o", "json"],
];

#[test]
fn what_haproxy_keeps_secret_never_leaves_haguard() {
    for branch in Branch::here() {
        let origin = Origin::start();
        let (mut haproxy, key) = start(branch, &origin);
        let haguard = Haguard::new();
        let secrets =
            [HASH, STATS, TOKEN_KEY, TOKEN_VALUE, TOKEN_LIVE, ENVIRONMENT, TABLE_KEY, &key, "PRIVATE KEY"];
        let socket = haproxy.master_socket().unwrap().to_str().unwrap().to_owned();
        let all = |haguard: &Haguard| {
            for command in COMMANDS {
                let said = everything(haguard, &[command, &["--master-socket", &socket]].concat(), &[]);
                keeps(&said, &secrets);
                assert!(said.contains("asked"), "-vv is on: {said}");
            }
        };
        all(&haguard);
        let ledger = everything(&haguard, &["inspect", "--losses", "--master-socket", &socket], &[]);
        assert!(
            ledger.contains("map-entry") && ledger.contains("stick-table"),
            "it was all looked at: {ledger}"
        );
        // HAProxy's own words about a broken line repeat that line's words.
        let text = haproxy.config().replace("user bob insecure-password", "user bob insecure-pasword");
        haproxy.write_config(&text);
        all(&haguard);
        keeps(&std::fs::read_to_string(haguard.home().join("state/journal.jsonl")).unwrap(), &secrets);
    }
}

#[test]
fn the_password_of_the_data_plane_api_never_leaves_haguard() {
    requires!(Haproxy(Branch::V30));
    let origin = Origin::start();
    let (haproxy, _) = start(Branch::V30, &origin);
    let server = DataPlaneServer::fake(&haproxy, Mode::MasterSocket);
    let haguard = Haguard::new();
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    let file = haguard.home().join("password");
    let url = format!("http://127.0.0.1:{}", server.port());
    let table = format!("[dataplane]\nurl = '{url}'\nusername = '{USER}'\n");
    let by_file = format!("{table}password_file = '{}'\n", file.display());
    std::fs::write(&file, format!("{WRONG}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let secrets = [WRONG, HASH, STATS, "d3JvbmctYnV0LXN0aWxsLXNlY3JldA", "Authorization", "Basic "];
    for (text, env) in [(&by_file, &[][..]), (&table, &[("HAGUARD_DATAPLANE_PASSWORD", WRONG)])] {
        let config = haguard.config(text);
        for command in COMMANDS {
            let args = [command, &["--master-socket", socket, "--config", config.to_str().unwrap()]].concat();
            keeps(&everything(&haguard, &args, env), &secrets);
        }
        let said =
            everything(&haguard, &["check", "dp.reachable", "--config", config.to_str().unwrap()], env);
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("refused user admin with the password from"), "it was sent: {said}");
    }
    keeps(&std::fs::read_to_string(haguard.home().join("state/journal.jsonl")).unwrap(), &secrets);
}

#[test]
fn the_right_password_is_used_and_never_shown() {
    requires!(Haproxy(Branch::V28));
    let origin = Origin::start();
    let (haproxy, _) = start(Branch::V28, &origin);
    let server = DataPlaneServer::fake(&haproxy, Mode::MasterSocket);
    let haguard = Haguard::new();
    let config = haguard.config(&format!(
        "[haproxy]\nmaster_socket = '{}'\n[dataplane]\nurl = 'http://127.0.0.1:{}'\nusername = '{USER}'\n",
        haproxy.master_socket().unwrap().display(),
        server.port()
    ));
    let env = [("HAGUARD_DATAPLANE_PASSWORD", crate::support::dataplane::PASSWORD)];
    let args = ["config", "show", "--origin", "-o", "json", "--config", config.to_str().unwrap()];
    let said = everything(&haguard, &args, &env);
    assert!(said.contains("environment HAGUARD_DATAPLANE_PASSWORD"), "{said}");
    let args = ["inspect", "-o", "json", "--config", config.to_str().unwrap()];
    let said = everything(&haguard, &args, &env);
    assert!(said.contains("\"memory_version\""), "{said}");
    keeps(&said, &["YWRtaW46c2VjcmV0", HASH, STATS, TOKEN_VALUE, ENVIRONMENT]);
}

#[test]
fn no_flag_takes_a_secret_so_none_is_on_a_command_line() {
    let haguard = Haguard::new();
    for command in ["", "restart", "inspect", "check", "history"] {
        let help = haguard.run(command.split_whitespace().chain(["--help"])).stdout.to_lowercase();
        for word in ["password", "token", "secret", "--key", "--user"] {
            assert!(!help.contains(word), "{command} --help names {word}");
        }
    }
    for flag in ["--password", "--dataplane-password", "--token", "--username"] {
        let said = haguard.run(["restart", flag, WRONG]);
        assert_eq!(said.status, 2, "{said}");
        assert!(!said.stderr.contains(WRONG), "{said}");
    }
}

#[test]
fn the_running_programs_command_line_holds_no_secret() {
    // A stub that never answers: the program must still be there to be looked at.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let haguard = Haguard::new();
    let looking = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let mut command = haguard.command();
            command.env("HAGUARD_DATAPLANE_PASSWORD", WRONG);
            RunOutput::from_command(command.args([
                "restart",
                "--timeout",
                "5s",
                "--stats-socket",
                path.to_str().unwrap(),
            ]))
        });
        let (stream, _) = listener.accept().unwrap();
        let peer = rustix::net::sockopt::socket_peercred(&stream).unwrap().pid.as_raw_pid();
        let cmdline = wait_for("its command line", || {
            std::fs::read_to_string(format!("/proc/{peer}/cmdline")).ok().filter(|text| !text.is_empty())
        });
        drop(stream);
        drop(listener);
        assert_eq!(running.join().unwrap().status, 3);
        cmdline
    });
    assert!(looking.contains("restart") && !looking.contains(WRONG), "{looking:?}");
}
