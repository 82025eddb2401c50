//! The reader of configuration files against the real HAProxy, in every branch that is there.

use haguard::wire::haproxy::config::{Host, Model, ParseContext, PatternKind, Source, folder_order, parse};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::haproxy::{self, Branch};
use crate::support::run;
use crate::support::wait::wait_for;

const GLOBAL: &str = r#"
global
    stats socket "${DIR}/s.sock" mode 600 level admin
    localpeer here
    setenv WEIGHT 9
    presetenv PORT 1
    presetenv MORE "weight 4 backup"
.if defined(EXTRA) && !streq("$EXTRA",no)
    setenv NAME extra
.else
    setenv NAME plain
.endif
defaults base
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
defaults heavy from base
    default-server weight 7 disabled
defaults rules from base
    acl early path_beg /early
    http-request deny if early
defaults from base
    default-server weight "$WEIGHT"
peers mates
    peer here 127.0.0.1:23950
    peer there 127.0.0.1:23951
    table shared type ip size 1k store gpc0
"#;

const FRONT: &str = r#"
frontend "front-${NAME}"
    bind ${HOST}:$PORT,127.0.0.9:23953-23954
    acl both path_beg -i -f "${DIR}/one.lst" /in1 /in2
    acl both path_end .png
    acl conv path_beg,lower -m beg /c
    acl host hdr(host),lower a
    acl plain path -m beg -f "${DIR}/one.lst" x -f y
    acl as_map path -M -f "${DIR}/two.lst"
    acl if path_beg /x
    http-request set-header a if if if
    http-request deny if { path -m beg /anon } METH_TRACE or METH_TRACE !HTTP
    http-request set-header X %[path,map_beg(${DIR}/never.map)] if FALSE
    http-request set-header Y "%[path,map_beg(${DIR}/one.map,d)]"
    http-request set-header Z %[src,map_ip('/dev/null',z)] unless { src 10.0.0.0/8 } || ! { path_end b }
    use_backend back if { hdr_beg(host) -i a b }
frontend early from rules
    disabled
    bind 127.0.0.9:23955
    http-request deny if METH_GET
"#;

const BACK: &str = r#"
backend back
    server first 127.0.0.1:1 # weight 3
    default-server disabled
    server second 127.0.0.1:2 weight 3 cookie enabled
    server third 127.0.0.1:3 "${MORE[*]}" enabled
    server fourth 127.0.0.1:4 "${NOPE[*]}"
    server-template t 2-4 127.0.0.1:+5 enabled
    server-template u "${COUNT-2}" 127.0.0.1:80
    server no-port 127.0.0.1 weight 0
    server unix unix@/tmp/x
    server path '/tmp/a b'
    server six ::1:80
    server six-too [::1]:81
    server env $HOST:${PORT}
.if version_atleast(3.0)
    server new 127.0.0.1:30
.elif version_atleast(2.8)
    server middle 127.0.0.1:28
.else
    server old 127.0.0.1:26
.endif
.if feature(NOPE) || 0
    server never 127.0.0.1:1
.endif
    stick-table type string len 32 size 10k peers mates
backend weighty from heavy
    server s 127.0.0.1:1
listen both
    bind unix@"${DIR}/both.sock"
    server s 127.0.0.1:1 weight 256
backend gone
    disabled
    server s 127.0.0.1:1
"#;

#[test]
fn the_reader_sees_what_the_binary_holds() {
    for (branch, haproxy) in installed() {
        let folder = crate::support::run::scratch();
        let dir = folder.path();
        fs::create_dir(dir.join("conf")).expect("a folder for -f");
        for (name, text) in [
            ("global.cfg", GLOBAL),
            ("conf/20-back.cfg", BACK),
            ("conf/10-front.cfg", FRONT),
            ("conf/.hidden.cfg", "nonsense\n"),
            ("conf/other.conf", "nonsense\n"),
            ("one.lst", "/a\n/b\n"),
            ("two.lst", "k v\n"),
            ("one.map", "a b\n"),
            ("${DIR}", ""),
        ] {
            fs::write(dir.join(name), text).expect(name);
        }
        // HAProxy does not expand variables outside quotes, except in addresses.
        let literal = dir.join("${DIR}/never.map");
        fs::remove_file(dir.join("${DIR}")).expect("no longer needed");
        fs::create_dir(literal.parent().expect("its folder")).expect("a folder with a dollar in its name");
        fs::write(&literal, "a b\n").expect("a map with a dollar in its path");

        let text_dir = dir.to_str().expect("a plain path").to_string();
        let env = [("DIR", text_dir.as_str()), ("HOST", "127.0.0.9"), ("PORT", "23952"), ("EXTRA", "yes")];
        let around = surroundings(&haproxy, &env);
        let mut sources = vec![source(dir, "global.cfg", format!("{text_dir}/global.cfg"))];
        let names = fs::read_dir(dir.join("conf")).expect("the folder").map(|entry| entry.expect("an entry"));
        for name in folder_order(names.map(|entry| entry.file_name().to_string_lossy().into_owned())) {
            sources.push(source(&dir.join("conf"), &name, format!("{text_dir}/conf/{name}")));
        }
        let config = parse(&sources, &around);
        assert_eq!(config.undecided, [], "{branch}");
        assert_eq!(config.problems, [], "{branch}");
        let model = Model::from_config(&config);

        let worker = Worker::start(&haproxy, dir, &env);
        let ask = |command: &str| worker.ask(command);
        assert_eq!(servers(&model), servers_state(&ask("show servers state")), "servers in {branch}");
        assert_eq!(model.backend_names(), backends(&ask("show stat -1 2 -1")), "backends in {branch}");
        let (inline, files) = patterns(&ask("show acl"));
        assert_eq!(sorted(model.inline_pattern_names()), sorted(inline), "inline lists in {branch}");
        assert_eq!(owned(model.pattern_files(PatternKind::Acl)), files, "acl files in {branch}");
        let (_, files) = patterns(&ask("show map"));
        assert_eq!(owned(model.pattern_files(PatternKind::Map)), files, "map files in {branch}");
        let tables: Vec<String> = model.tables.iter().map(|table| table.name.clone()).collect();
        assert_eq!(sorted(tables), sorted(shown_tables(&ask("show table"))), "tables in {branch}");
        let peers = ask("show peers");
        assert!(peers.contains("id=here(local") && peers.contains("id=there(remote"), "{peers}");
        assert!(model.peers[0].local && model.peers[0].remotes == ["there"]);
    }
}

/// Small files that a branch accepts or refuses; the reader has to agree with each branch by itself.
const JUDGED: [&[u8]; 47] = [
    b"backend b\n server s 127.0.0.1:1 \"x\n",
    b"backend b\n server s 127.0.0.1:1",
    b"backend b\n server s 127.0.0.1:1 \"\" check\n",
    b"backend b\n server s 127.0.0.1:1 \"${E}\" check\n",
    b"backend b\n server s 127.0.0.1:1 \"${NOPE}\" check\n",
    b"backend b\n server s 127.0.0.1:1 \"${NOPE[*]}\" check\n",
    b"backend b\n server s \"${1X}\"\n",
    b"backend b\n server s 127.0.0.1:1 # \"\n",
    b"[scope]\nbackend b\r\n",
    b".if 0\n.if foo\n.endif\n.endif\n",
    b".if foo\n.endif\n",
    b".if 1\n.elif foo\n.endif\n",
    b".if 0\n",
    b".if 0\n.else x\n.endif\n",
    b".if 1\n.else\n.elif 1\n.endif\n",
    b".endif\n",
    b".if strstr(abc,b)\n.endif\n",
    b".if streq(a,b,c)\n.endif\n",
    b".if ( 1 ) && ( 0 || !0 )\n.alert no\n.endif\n",
    b".if defined(E) && defined(NOPE)\n.alert no\n.endif\n",
    b".if version_before(2.8)\n.alert no\n.endif\n",
    b".if version_atleast(3.2)\n.alert no\n.endif\n",
    b".notice yes\n.warning yes\n.diag yes\n",
    b".nope\n",
    b"global\n setenv NEW \"a b\"\nbackend b\n.if !streq(\"$NEW\",a b)\n.alert no\n.endif\n",
    b"global\n resetenv\n.if defined(E)\n.alert no\n.endif\n",
    b"server s 127.0.0.1:1\n",
    b"backend b\nbackend b\n",
    b"backend b\nfrontend b\n",
    b"listen b\nbackend b\n",
    b"frontend b\nfrontend b\n",
    b"defaults b\nbackend b\n",
    b"backend b\ndefaults b\n",
    b"defaults d\ndefaults d\nbackend b\n",
    b"defaults d\ndefaults d\nbackend b from d\n",
    b"backend b from d\n",
    b"peers p\npeers p\n",
    b"peers p\nbackend p\n",
    b"backend\n",
    b".if 1\nbackend b\n.else\nbackend b\n.endif\n",
    b"# \\\n.nope\n",
    b"\r.nope\n",
    b"\xc2\xa0[scope]\n",
    b"\r[scope]\nbackend b\n",
    b"backend b # caf\xe9\n\t# \xff\n",
    b"backend b\n\0\n",
    b"backend b\n server s 127.0.0.1:1\r",
];

#[test]
fn the_reader_refuses_what_the_binary_refuses() {
    for (branch, haproxy) in installed() {
        let folder = crate::support::run::scratch();
        let file = folder.path().join("j.cfg");
        let around = surroundings(&haproxy, &[("E", "")]);
        for text in JUDGED {
            fs::write(&file, text).expect("a file");
            let output = program(&haproxy).env("E", "").args(["-c", "-f"]).arg(&file).output();
            let said = combined_output(&output.expect("it runs"));
            let accepted = !said.contains("[ALERT]");
            let sources = [Source { file: "j.cfg".to_string(), document: text.into() }];
            let problems = parse(&sources, &around).problems;
            assert_eq!(
                problems.is_empty(),
                accepted,
                "{branch} on {} said\n{said}\nwe: {problems:?}",
                text.escape_ascii()
            );
        }
    }
}

/// The branches that are here.
fn installed() -> Vec<(&'static str, PathBuf)> {
    Branch::here().into_iter().map(|branch| (branch.name(), haproxy::binary(branch))).collect()
}

#[expect(clippy::disallowed_methods, reason = "the binary under comparison, with an environment of our own")]
fn program(haproxy: &Path) -> Command {
    let mut command = Command::new(haproxy);
    command.env_clear().env(run::MARK, run::folder());
    command
}

fn combined_output(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn surroundings(haproxy: &Path, env: &[(&str, &str)]) -> ParseContext {
    let about = combined_output(&program(haproxy).arg("-vv").output().expect("haproxy -vv"));
    let version = about.split(['-', ' ']).find_map(|word| {
        let numbers: Vec<u32> = word.split('.').filter_map(|part| part.parse().ok()).collect();
        matches!(numbers[..], [_, _, _]).then(|| (numbers[0], numbers[1], numbers[2]))
    });
    let features = about.split_whitespace().filter_map(|word| word.strip_prefix('+')).map(str::to_string);
    ParseContext {
        env: env.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect(),
        env_known: true,
        version: Some(version.expect("a version")),
        features: Some(features.collect()),
        ..ParseContext::default()
    }
}

fn source(dir: &Path, name: &str, file: String) -> Source<'static> {
    Source { file, document: fs::read(dir.join(name)).expect(name).into() }
}

/// A running HAProxy, ended with the test.
struct Worker {
    child: Child,
    socket: PathBuf,
}

impl Worker {
    fn start(haproxy: &Path, dir: &Path, env: &[(&str, &str)]) -> Worker {
        let mut command = program(haproxy);
        command.current_dir(dir).envs(env.iter().copied()).arg("-db");
        command.arg("-f").arg(dir.join("global.cfg")).arg("-f").arg(dir.join("conf"));
        let log = fs::File::create(dir.join("log")).expect("a log");
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
        let mut worker = Worker { child, socket: dir.join("s.sock") };
        wait_for("it listens", || {
            let log = || fs::read_to_string(dir.join("log")).unwrap_or_default();
            assert!(worker.child.try_wait().expect("its status").is_none(), "it ended:\n{}", log());
            UnixStream::connect(&worker.socket).ok()
        });
        worker
    }

    fn ask(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).expect("the socket");
        stream.write_all(format!("{command}\n").as_bytes()).expect("a question");
        stream.shutdown(Shutdown::Write).expect("the end of the question");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn servers(model: &Model) -> Vec<String> {
    let mut lines = Vec::new();
    for proxy in &model.proxies {
        for server in &proxy.servers {
            assert!(server.certain, "{server:?}");
            let host = match &server.host {
                Host::Ipv4(ip) => ip.to_string(),
                Host::Ipv6(ip) => ip.to_string(),
                _ => "-".to_string(),
            };
            let (port, weight, disabled) =
                (server.port.servers_state_number(), server.weight, server.disabled);
            lines.push(format!("{}/{} {host} {port} {weight} {disabled}", proxy.name, server.name));
        }
    }
    lines
}

fn servers_state(answer: &str) -> Vec<String> {
    let rows = answer.lines().skip(2).map(|line| line.split(' ').collect::<Vec<_>>());
    rows.filter(|row| row.len() > 18)
        .map(|row| format!("{}/{} {} {} {} {}", row[1], row[3], row[4], row[18], row[7], row[6] != "0"))
        .collect()
}

fn backends(answer: &str) -> Vec<String> {
    let rows = answer.lines().filter_map(|line| line.split_once(','));
    rows.filter(|(_, rest)| rest.starts_with("BACKEND,")).map(|(name, _)| name.to_string()).collect()
}

/// The descriptions of lists without a file, and the files; what HAProxy makes for itself is left out.
fn patterns(answer: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut inline, mut files) = (Vec::new(), BTreeSet::new());
    for line in answer.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
        let (_, rest) = line.split_once(" (").expect(line);
        let (file, description) = rest.split_once(") ").expect(line);
        if !file.is_empty() {
            files.insert(file.to_string());
        } else if !description.contains("file 'httpclient'") {
            inline.push(description.split_once(". curr_ver").expect(line).0.to_string());
        }
    }
    (inline, files)
}

fn shown_tables(answer: &str) -> Vec<String> {
    let names = answer.lines().filter_map(|line| line.strip_prefix("# table: ")?.split_once(','));
    names.map(|(name, _)| name.to_string()).collect()
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn owned(lines: BTreeSet<&str>) -> BTreeSet<String> {
    lines.into_iter().map(str::to_string).collect()
}
