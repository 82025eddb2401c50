//! What somebody typed after a login: over a real sshd, and as another user by su.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{KillOnDrop, ManagedHaproxy, programs, proven};
use crate::other_user::NOBODY;
use crate::support::haproxy::Branch;
use crate::support::ports::{self, Port};
use crate::support::process::{Process, alive, wait_gone};
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// An sshd on loopback that lets one key in.
struct Sshd {
    _daemon: Process,
    port: Port,
    dir: TempDir,
}

impl Sshd {
    fn start() -> Self {
        let [sshd, keygen, _] = programs(["sshd", "ssh-keygen", "ssh"]);
        let (dir, port) = (TempDir::with_prefix("hag").unwrap(), ports::free());
        let at = dir.path().display();
        for key in ["host", "id"] {
            let mut command = assert_cmd::Command::new(&keygen);
            command
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(dir.path().join(key))
                .assert()
                .success();
        }
        let text = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\nAuthorizedKeysFile {at}/id.pub\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n",
            port.number
        );
        std::fs::write(dir.path().join("config"), text).unwrap();
        // The folder that its unit makes for it.
        std::fs::create_dir_all("/run/sshd").unwrap();
        let config = dir.path().join("config").into_os_string();
        // It writes over the environment by which it would be known as this run's; its parent does not.
        let [sh] = programs(["sh"]);
        let words = ["-c".into(), "\"$0\" -D -e -f \"$1\"; exit".into(), sshd.into(), config];
        let daemon = Process::start(&sh, &words, &[], &dir.path().join("log"));
        wait_for("sshd listens", || std::net::TcpStream::connect(("127.0.0.1", port.number)).ok());
        Sshd { _daemon: daemon, port, dir }
    }

    /// Logs in and types a line, or has `word` done and nothing else; the client.
    fn log_in(&self, kept: &ManagedHaproxy, line: &str, word: &str) -> Process {
        let (at, port) = (self.dir.path().display(), self.port.number);
        let tty = if word.is_empty() { "-tt" } else { "-T" };
        let script = format!(
            "(echo \"$0\"; exec sleep infinity) | exec ssh {tty} -F /dev/null -i {at}/id -p {port} -o LogLevel=ERROR \
             -o UserKnownHostsFile={at}/known -o StrictHostKeyChecking=no root@127.0.0.1 {word}"
        );
        let [sh] = programs(["sh"]);
        Process::start(&sh, &["-c".into(), script.into(), line.into()], &[], &kept.path("log"))
    }
}

/// What is told of where somebody came from.
fn evidence(control: &Value) -> String {
    control["evidence"].to_string()
}

#[test]
fn what_is_typed_into_a_login_over_ssh_is_that_shells_until_the_logout_and_then_nobodys() {
    requires!(Root, Program("ssh"), Program("ssh-keygen"), Program("sshd"), Haproxy(Branch::V30));
    let sshd = Sshd::start();
    for background in ["", " &"] {
        let kept = ManagedHaproxy::new(Branch::V30);
        let mut client = sshd.log_in(&kept, &format!("{}{background}", kept.command()), "");
        let server = KillOnDrop(u32::try_from(kept.started()).unwrap());
        let control = kept.control();
        let controller = proven(&control, "shell");
        assert_eq!(controller["from"], "127.0.0.1", "{control:#}");
        assert_eq!(controller["uid"], 0, "{control:#}");
        assert!(controller["tty"].as_str().unwrap().starts_with("pts/"), "{control:#}");
        let shell = u32::try_from(controller["shell"].as_u64().unwrap()).unwrap();
        client.end(Signal::TERM);
        wait_gone(shell);
        // A master takes the hangup for an order to reload.
        assert!(alive(server.0));
        let control = kept.control();
        proven(&control, "nobody");
        assert!(evidence(&control).contains("a login from 127.0.0.1"), "{control:#}");
    }
}

#[test]
fn what_ssh_is_given_as_a_command_is_nobodys_and_its_login_is_said() {
    requires!(Root, Program("ssh"), Program("ssh-keygen"), Program("sshd"), Haproxy(Branch::V32));
    let sshd = Sshd::start();
    let kept = ManagedHaproxy::new(Branch::V32);
    let _client = sshd.log_in(&kept, "", &format!("'{}'", kept.command()));
    let _server = KillOnDrop(u32::try_from(kept.started()).unwrap());
    let control = kept.control();
    proven(&control, "nobody");
    assert!(evidence(&control).contains("a login from 127.0.0.1"), "{control:#}");
    assert!(evidence(&control).contains("(sshd"), "{control:#}");
}

/// Types a line into a shell of root's on a terminal of its own.
fn typed(kept: &ManagedHaproxy, line: &str) -> Process {
    let [sh, _, _, _]: [PathBuf; 4] = programs(["sh", "script", "bash", "su"]);
    std::os::unix::fs::chown(kept.dir.path(), NOBODY.parse().ok(), None).unwrap();
    let script = "(echo \"$0\"; exec sleep infinity) | exec script -qfc 'exec bash --norc -i' /dev/null";
    let shell = [("SHELL".to_owned(), "/bin/bash".to_owned())];
    Process::start(&sh, &["-c".into(), script.into(), line.into()], &shell, &kept.path("log"))
}

#[test]
fn after_su_it_is_the_shell_of_that_user() {
    requires!(Root, Program("bash"), Program("script"), Program("su"), Haproxy(Branch::V28));
    let kept = ManagedHaproxy::new(Branch::V28);
    let _terminal = typed(&kept, &format!("su - nobody -s /bin/sh\n{}", kept.command()));
    let _server = KillOnDrop(u32::try_from(kept.started()).unwrap());
    let control = kept.control();
    let controller = proven(&control, "shell");
    assert_eq!(controller["uid"].to_string(), NOBODY, "{control:#}");
}

#[test]
fn a_terminal_that_su_or_sudo_put_between_does_not_hide_the_shell() {
    requires!(Root, Program("bash"), Program("script"), Program("su"), Haproxy(Branch::V34));
    let kept = ManagedHaproxy::new(Branch::V34);
    let line = format!("su --pty nobody -s /bin/sh -c \"{}\"", kept.command());
    let _terminal = typed(&kept, &line);
    let _server = KillOnDrop(u32::try_from(kept.started()).unwrap());
    let control = kept.control();
    let controller = proven(&control, "shell");
    assert_eq!(controller["uid"], 0, "{control:#}");
    assert!(evidence(&control).contains("holds the other end of pts/"), "{control:#}");
}
