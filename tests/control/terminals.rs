//! Whatever somebody typed: tmux, screen, a login shell, and what is left when the shell is gone.

use std::ffi::OsString;

use rustix::process::Signal;

use super::{KillOnDrop, ManagedHaproxy, programs, proven, why};
use crate::other_user::NOBODY;
use crate::support::copied;
use crate::support::document::{finding, level};
use crate::support::haguard::Haguard;
use crate::support::haproxy::Branch;
use crate::support::process::Process;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

fn split_args(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// Everything in its folder belongs to nobody; it takes root.
fn give_away(kept: &ManagedHaproxy) {
    let uid = NOBODY.parse().ok();
    std::os::unix::fs::chown(kept.dir.path(), uid, uid).unwrap();
}

/// The process of this name whose arguments hold this word.
fn pid_of(name: &str, word: &str) -> Option<u32> {
    let folders = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = folders.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        read("comm").trim_end() == name && read("cmdline").contains(word)
    })
}

/// A tmux of another user with a session `web` that runs HAProxy.
fn tmux(kept: &ManagedHaproxy) -> KillOnDrop {
    let [setpriv, _] = programs(["setpriv", "tmux"]);
    give_away(kept);
    let socket = kept.path("tmux.sock").display().to_string();
    let mut args = split_args(&format!(
        "--reuid {NOBODY} --regid {NOBODY} --clear-groups tmux -f /dev/null -S {socket}"
    ));
    args.extend(split_args("new-session -d -s web"));
    args.push(kept.command().into());
    let _client = Process::start(&setpriv, &args, &[], &kept.path("log"));
    KillOnDrop(wait_for("tmux runs", || pid_of("tmux: server", &socket)))
}

#[test]
fn a_haproxy_in_a_tmux_of_another_user_is_named_so_by_its_parent_and_by_the_list_of_panes() {
    requires!(Root, Program("setpriv"), Program("tmux"), Haproxy(Branch::V28));
    let kept = ManagedHaproxy::new(Branch::V28);
    let server = tmux(&kept);
    kept.started();
    let control = kept.control();
    let controller = proven(&control, "multiplexer");
    assert_eq!(controller["program"], "tmux", "{control:#}");
    assert_eq!(controller["server"], server.0, "{control:#}");
    assert_eq!(controller["uid"].to_string(), NOBODY, "{control:#}");
    assert_eq!(controller["session"], "web", "{control:#}");
    assert!(control["evidence"].to_string().contains("list-panes"), "{control:#}");
    let document = Haguard::new().json(&["inspect"], &kept.socket());
    assert_eq!(document["facts"]["instance"]["seen"]["main"]["uid"].to_string(), NOBODY, "{document:#}");
    let manager = finding(&document, "arch.manager");
    assert_eq!(manager["level"], "warn", "{manager}");
    assert!(manager["text"].as_str().unwrap().contains("tmux"), "{manager}");
}

#[test]
fn a_tmux_whose_socket_is_gone_is_proven_by_the_terminal_that_it_holds() {
    requires!(Root, Program("setpriv"), Program("tmux"), Haproxy(Branch::V34));
    let kept = ManagedHaproxy::new(Branch::V34);
    let _server = tmux(&kept);
    kept.started();
    std::fs::remove_file(kept.path("tmux.sock")).unwrap();
    let control = kept.control();
    proven(&control, "multiplexer");
    assert!(control["evidence"].to_string().contains("other end of pts/"), "{control:#}");
}

/// Calls itself tmux, and writes down who asks it: the program behind the client, the user, and whether in a session of its
/// own.
const PRETENDER: &str = r#"
import os, socket, struct, subprocess, sys
folder, command = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.bind(folder + '/tmux.sock')
server.listen()
open('/proc/self/comm', 'w').write('tmux: server')
subprocess.Popen(command.split())
while True:
    asking, _ = server.accept()
    pid, uid, _ = struct.unpack('3i', asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        parent = open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[1]
        behind = open(f'/proc/{parent}/cmdline').read().split('\0')[0]
        with open(folder + '/asked', 'a') as log:
            log.write(f'{behind} {uid} {os.getsid(pid) == pid}\n')
    except OSError:
        pass
    asking.close()
"#;

#[test]
fn whoever_calls_himself_tmux_is_asked_as_himself_and_never_as_root() {
    requires!(Root, Program("python3"), Program("setpriv"), Program("tmux"), Haproxy(Branch::V30));
    let kept = ManagedHaproxy::new(Branch::V30);
    let [setpriv, ..] = programs(["setpriv", "tmux", "python3"]);
    give_away(&kept);
    let mut args = split_args(&format!("--reuid {NOBODY} --regid {NOBODY} --clear-groups env"));
    // By its name: the first on the path may be closed to nobody.
    args.extend([
        "python3".into(),
        "-c".into(),
        PRETENDER.into(),
        kept.dir.path().into(),
        kept.command().into(),
    ]);
    // A server of tmux could have its client run a program: with root's rights, were it root's.
    let _pretender = Process::start(&setpriv, &args, &[], &kept.path("log"));
    let _server = KillOnDrop(u32::try_from(kept.started()).unwrap());
    let control = kept.control();
    assert!(why(&control, "claimed").contains("no terminal"), "{control:#}");
    let asked = std::fs::read_to_string(kept.path("asked")).unwrap();
    // Whoever else looks at this host asks it too.
    let ours = copied::haguard();
    let asked: Vec<&str> = asked.lines().filter_map(|line| line.strip_prefix(ours)).collect();
    assert!(!asked.is_empty() && asked.iter().all(|line| *line == format!(" {NOBODY} True")), "{asked:?}");
}

#[test]
fn a_haproxy_in_screen_is_screens_by_its_parent_and_by_the_terminal_that_it_holds() {
    requires!(Program("screen"), Haproxy(Branch::V30));
    let kept = ManagedHaproxy::new(Branch::V30);
    let [screen] = programs(["screen"]);
    let folder = kept.path("screens");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let name = format!("web{}", std::process::id());
    let args = split_args(&format!("-dmS {name} {}", kept.command()));
    let env = [("SCREENDIR".to_owned(), folder.display().to_string())];
    let _client = Process::start(&screen, &args, &env, &kept.path("log"));
    kept.started();
    let server = KillOnDrop(wait_for("screen runs", || pid_of("screen", &name)));
    let control = kept.control();
    let controller = proven(&control, "multiplexer");
    assert_eq!(
        (&controller["program"], &controller["session"]),
        (&"screen".into(), &name.into()),
        "{control:#}"
    );
    assert_eq!(controller["server"], server.0, "{control:#}");
}

/// Types a line into a login shell on a terminal of its own.
fn typed(kept: &ManagedHaproxy, line: &str) -> Process {
    let [sh, _, _] = programs(["sh", "script", "bash"]);
    let folder = kept.dir.path().display();
    // The line is typed, and then nothing more.
    let script = format!(
        "(echo '{line}'; exec sleep infinity) | exec script -qfc 'exec -a -bash bash --norc --noprofile' {folder}/typed"
    );
    // What `script` runs the words with: another shell has no `exec -a`.
    let shell = [("SHELL".to_owned(), "/bin/bash".to_owned())];
    Process::start(&sh, &["-c".into(), script.into()], &shell, &kept.path("log"))
}

#[test]
fn what_is_typed_into_a_login_shell_is_the_shells_by_its_parent_and_by_its_terminal() {
    requires!(Program("bash"), Program("script"), Haproxy(Branch::V32));
    for command in ["{}", "{} &"] {
        let kept = ManagedHaproxy::new(Branch::V32);
        let _terminal = typed(&kept, &command.replace("{}", &kept.command()));
        kept.started();
        let control = kept.control();
        let controller = proven(&control, "shell");
        let tty = controller["tty"].as_str().unwrap();
        assert!(
            tty.starts_with("pts/") && control["evidence"].to_string().contains("its terminal is"),
            "{control:#}"
        );
        assert_eq!(controller["uid"], rustix::process::getuid().as_raw(), "{control:#}");
    }
}

#[test]
fn what_left_the_shells_terminal_is_only_claimed() {
    requires!(Program("bash"), Program("script"), Haproxy(Branch::V30));
    let kept = ManagedHaproxy::new(Branch::V30);
    let _terminal = typed(&kept, &format!("setsid --wait {} &", kept.command()));
    let _server = KillOnDrop(u32::try_from(kept.started()).unwrap());
    let control = kept.control();
    assert!(why(&control, "claimed").contains("left the shell"), "{control:#}");
}

#[test]
fn what_went_into_the_background_is_nobodys_and_is_said_so() {
    requires!(Haproxy(Branch::V28));
    let kept = ManagedHaproxy::new(Branch::V28);
    let [sh] = programs(["sh"]);
    let line = format!("{} -D", kept.command());
    let _gone = Process::start(&sh, &["-c".into(), line.into()], &[], &kept.path("log"));
    let master = kept.started();
    let _server = KillOnDrop(u32::try_from(master).unwrap());
    let control = kept.control();
    proven(&control, "nobody");
    let document = Haguard::new().json(&["inspect"], &kept.socket());
    assert_eq!(level(&document, "arch.manager"), "warn", "{document:#}");
}

#[test]
fn a_shell_that_ended_leaves_no_trace_and_is_not_made_up() {
    requires!(Program("bash"), Program("script"), Haproxy(Branch::V30));
    let kept = ManagedHaproxy::new(Branch::V30);
    let line = format!("trap \"\" HUP; setsid {} & exit", kept.command());
    let mut terminal = typed(&kept, &line);
    let master = kept.started();
    let _server = KillOnDrop(u32::try_from(master).unwrap());
    terminal.end(Signal::TERM);
    let read = |pid: &str, file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    wait_for("the shell is gone", || {
        let stat = read(&master.to_string(), "stat")?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned();
        (read(&parent, "comm")?.trim_end() != "bash").then_some(())
    });
    proven(&kept.control(), "nobody");
}
