//! The refusal that README.md opens with, and examples/refusal.json: one real HAProxy, told on with other names.
//!
//! Names that differ from run to run become the ones that a reader expects. The folders of the scene are as long as
//! the ones they become, so that every line breaks where it would break with those; commands are broken again.

mod documents;

use std::path::Path;

use haguard::report::text::wrap;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::golden;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, ask, binary};
use crate::support::origin::{Origin, hold_connection};
use crate::support::ports;
use crate::support::process::Process;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// A scene of its own: the program, the files and the sockets in three folders.
struct TranscriptBench {
    process: Process,
    programs: TempDir,
    files: TempDir,
    sockets: TempDir,
    port: ports::Port,
}

/// What the three folders are called in what is committed.
const SHOWN: [&str; 3] = ["/usr/sbin", "/etc/haproxy", "/run/haproxy"];

/// A folder whose path is as long as `shown`.
fn as_long_as(shown: &str) -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("h").rand_bytes(shown.len() - "/tmp/h".len());
    builder.tempdir_in("/tmp").expect("a folder in /tmp")
}

impl TranscriptBench {
    fn start(origin: &Origin) -> Self {
        let cached = binary(Branch::V28);
        let [programs, files, sockets] = SHOWN.map(as_long_as);
        std::fs::copy(&cached, programs.path().join("haproxy")).unwrap();
        std::os::unix::fs::symlink(cached.with_file_name("lib"), programs.path().join("lib")).unwrap();
        let port = ports::free();
        let (map, config) = (files.path().join("routes.map"), files.path().join("haproxy.cfg"));
        std::fs::write(&map, "/login web\n").unwrap();
        let text = format!(
            "global\n    hard-stop-after 30m\n    stats socket {sockets}/admin.sock level admin\n\
             defaults\n    mode http\n    option http-no-delay\n    timeout connect 2s\n    timeout client 60s\n    timeout server 60s\n\
             frontend https\n    bind 127.0.0.1:{port}\n    use_backend %[path,map({map})] if {{ path,map({map}) -m found }}\n    default_backend web\n\
             backend web\n    stick-table type ip size 10k expire 1h store http_req_rate(10s)\n\
             \x20   server web-1 127.0.0.1:{origin}\n    server web-2 127.0.0.1:{origin}\nbackend api\n",
            sockets = sockets.path().display(),
            port = port.number,
            map = map.display(),
            origin = origin.port,
        );
        std::fs::write(&config, text).unwrap();
        let master = sockets.path().join("master.sock");
        let args = ["-W".into(), "-S".into(), master.clone().into(), "-f".into(), config.into()];
        let log = files.path().join("log");
        let process = Process::start(&programs.path().join("haproxy"), &args, &[], &log);
        let scene = TranscriptBench { process, programs, files, sockets, port };
        wait_for("it serves", || {
            assert!(!scene.process.has_ended(), "{}", std::fs::read_to_string(&log).unwrap_or_default());
            ask(&scene.admin(), "show info").ok().filter(|info| info.contains("Pid: "))
        });
        scene
    }

    fn admin(&self) -> std::path::PathBuf {
        self.sockets.path().join("admin.sock")
    }

    fn worker(&self) -> String {
        let info = ask(&self.admin(), "show info").unwrap();
        info.lines().find_map(|line| line.strip_prefix("Pid: ")).unwrap().to_owned()
    }

    /// What a connector and an operator put in over the socket.
    fn fill(&self) {
        let map = self.files.path().join("routes.map");
        let mut commands = vec!["set server web/web-2 state maint".to_owned()];
        commands.extend((1..=12).map(|n| format!("add server api/api-{n} 10.0.3.{n}:25080")));
        commands.extend((1..=14).map(|n| format!("add map {} /v{n} api", map.display())));
        commands.extend((1..=230).map(|n| format!("set table web key 198.51.100.{n} data.http_req_rate 1")));
        for command in commands {
            let said = ask(&self.admin(), &command).unwrap();
            let fine = said.trim().is_empty() || said.contains("New server registered");
            assert!(fine, "{command}: {said}");
        }
    }

    /// With the names that are shown instead of those of this run.
    fn with_sample_names(&self, text: &str) -> String {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let folders = [&self.programs, &self.files, &self.sockets];
        let text = folders.iter().zip(SHOWN).fold(text.to_owned(), |text, (folder, shown)| {
            text.replace(&folder.path().display().to_string(), shown)
        });
        let text = replace_word(&text, &self.process.pid().to_string(), "1290");
        let text = replace_word(&text, &self.worker(), "1294");
        replace_word(&text, &host, "lb1")
    }
}

/// Replaces a word where it stands alone.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    let mut told = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let alone = !before.ends_with(part) && !after.starts_with(part);
        told += before;
        told += if alone { by } else { word };
        rest = after;
    }
    told + rest
}

/// Commands as the program would break them with these names; its first line, which holds the host, as one.
fn broken_again(text: &str) -> String {
    let (title, rest) = text.split_once("\nA restart would ").expect("the refusal says why");
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let joined = format!("{title}\nA restart would {rest}").replace(" \\\n      ", " ");
    let line = |line: &str| match line.strip_prefix("    ").filter(|command| !command.starts_with(' ')) {
        Some(command) if line.len() > wrap::WIDTH => wrap::command("    ", command),
        _ => line.to_owned(),
    };
    joined.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_refusal_in_the_readme_is_what_the_program_says() {
    requires!(Root, Haproxy(Branch::V28));
    let origin = Origin::start();
    let scene = TranscriptBench::start(&origin);
    scene.fill();
    let held = hold_connection(scene.port.number, 37);
    let haguard = Haguard::new();
    let socket = scene.sockets.path().join("master.sock");
    let config = haguard.config(&format!("[haproxy]\nmaster_socket = '{}'\n", socket.display()));

    let said = run(&haguard, &config, &[]);
    assert_eq!((said.status, said.stderr.as_str()), (3, ""), "{said}");
    let text = broken_again(&scene.with_sample_names(&without_others(&said.stdout)));
    assert!(text.lines().all(|line| line.chars().count() <= wrap::WIDTH), "{text}");
    golden::block("README.md", "transcript", &format!("```console\n$ haguard restart\n{text}\n```"));

    let said = run(&haguard, &config, &["-o", "json"]);
    let told = scene.with_sample_names(&at_any_time(&said.stdout, &said.json()));
    serde_json::from_str::<Value>(&told).expect("still one document");
    golden::file("examples/refusal.json", &told);
    drop(held);
}

fn run(haguard: &Haguard, config: &Path, more: &[&str]) -> crate::support::haguard::RunOutput {
    let mut command = haguard.command();
    command.arg("restart").args(more).env("HAGUARD_CONFIG", config);
    crate::support::haguard::RunOutput::from_command(&mut command)
}

/// The document without what depends on the moment and on who runs the tests; its keys stay in the program's order.
fn at_any_time(text: &str, document: &Value) -> String {
    let mut text = text.replace(&format!("\"ms\": {}", document["cost"]["ms"]), "\"ms\": 21");
    for proof in document["proof"].as_array().unwrap() {
        for seen in [&proof["before"], &proof["after"]].map(|seen| seen.as_str().unwrap()) {
            text = text.replace(seen, &frozen(seen));
        }
    }
    // Other tests start HAProxies on this host meanwhile.
    if let Some(at) = text.find("    {\n      \"id\": \"arch.single-instance\"") {
        let end = at + text[at..].find("\n    },\n").expect("other findings follow") + "\n    },\n".len();
        text.replace_range(at..end, "");
    }
    if let Some(at) = text.find("\"others\": [\n") {
        let end = at + text[at..].find(']').expect("the list ends");
        text.replace_range(at..end, "\"others\": [");
    }
    as_if_by_hand(&text, document)
}

/// Who started the scene depends on who runs the tests: as if somebody had done it who is gone.
fn as_if_by_hand(text: &str, document: &Value) -> String {
    let findings = document["findings"].as_array().unwrap();
    let manager = findings.iter().find(|finding| finding["id"] == "arch.manager");
    let evidence = manager.map(|finding| finding["evidence"].as_array().unwrap().iter());
    let shown = ["/proc/1290/cgroup: /user.slice", "the parents of 1290: 1 (systemd)"].map(Value::from);
    evidence
        .into_iter()
        .flatten()
        .zip(&shown)
        .fold(text.to_owned(), |text, (seen, shown)| text.replace(&seen.to_string(), &shown.to_string()))
}

/// A refusal without its neighbours.
fn without_others(text: &str) -> String {
    let Some((before, rest)) = text.split_once("Other HAProxy instances on this host: ") else {
        return text.to_owned();
    };
    let (_, after) = rest.split_once("\n\n").expect("the safe way follows");
    format!("{before}{after}")
}

/// A proof with its time and checksum replaced.
fn frozen(text: &str) -> String {
    match (text.split_once("started "), text.strip_prefix("md5 ")) {
        (Some((before, _)), _) => format!("{before}started 2026-11-21 03:12:44 UTC"),
        (_, Some(sum)) => format!("md5 {}", "0123456789abcdef".repeat(2).split_at(sum.len()).0),
        _ => text.to_owned(),
    }
}

#[test]
fn a_name_is_replaced_only_where_it_stands_alone() {
    assert_eq!(replace_word("PID 12, 12; 121 a-12 12.5 (12)", "12", "7"), "PID 7, 7; 121 a-12 12.5 (7)");
    assert_eq!(replace_word("restart on vm\nvms", "vm", "lb1"), "restart on lb1\nvms");
}
