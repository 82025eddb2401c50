//! A Docker daemon of a test's own, with a socket, data and containers that vanish with it.
//!
//! The programs are those that `.ci/docker` unpacks. They run among everybody's processes, as Docker does; their mounts
//! are in a namespace of their own, and nothing touches the network: a container has the host's or none.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cgroup::Cgroup;
use super::haproxy::{self, Branch};
use super::process::{Process, on_path};
use super::wait::{wait_for, within};
use super::{run, skip};

/// Where the program is in an image of [`Dockerd::haproxy`].
pub(crate) const HAPROXY: &str = "/usr/local/sbin/haproxy";

/// A running daemon.
#[derive(Debug)]
pub(crate) struct Dockerd {
    daemon: Process,
    _cgroup: Cgroup, // after the process: it is swept when nobody is in it
    dir: TempDir,
}

/// A container that was started.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    /// Its first process, by its number out here.
    pub(crate) pid: u32,
}

impl Dockerd {
    /// Starts one and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::with("--bridge=none", &["--mount"])
    }

    /// One in a network of its own, whose containers have a bridge and publish ports through Docker's proxy.
    pub(crate) fn bridged() -> Self {
        Self::with("", &["--mount", "--net"])
    }

    fn with(network: &str, namespaces: &[&str]) -> Self {
        let programs = programs();
        let dir = run::scratch();
        let cgroup = Cgroup::new(&dir.path().file_name().expect("it has a name").to_string_lossy());
        let at = dir.path().display();
        let network = format!("--iptables=false --ip6tables=false {network} --ip-forward=false");
        let script = format!(
            "set -e\n{}ip link set lo up\nexec dockerd {network} -H unix://{at}/sock --data-root {at}/data --exec-root {at}/exec -p {at}/pid\n",
            cgroup.enter()
        );
        let env = [
            (
                "PATH",
                ["usr/sbin", "usr/bin"].map(|folder| programs.join(folder).display().to_string()).join(":"),
            ),
            ("LD_LIBRARY_PATH", programs.join("usr/lib").join(triplet()).display().to_string()),
        ];
        let path = skip::variable("PATH").unwrap_or_default();
        let env = env.map(|(name, value)| match name {
            "PATH" => (name.to_owned(), format!("{value}:{}", path.display())),
            _ => (name.to_owned(), value),
        });
        let words = [namespaces, &["--propagation", "private", "sh", "-c", &script]].concat();
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        let unshare = on_path("unshare").expect("it comes with mount");
        let daemon = Process::start(&unshare, &words, &env, &dir.path().join("log"));
        let dockerd = Dockerd { daemon, _cgroup: cgroup, dir };
        wait_for("dockerd answers", || {
            assert!(!dockerd.daemon.has_ended(), "dockerd ended:\n{}", dockerd.log());
            dockerd.try_api("GET", "/_ping", None).ok()
        });
        dockerd
    }

    /// The daemon's process.
    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// The daemon's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    /// What the daemon wrote.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Asks the daemon and returns its answer, which has to be a good one.
    #[track_caller]
    pub(crate) fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.try_api(method, path, body);
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()));
        serde_json::from_str(&answer).unwrap_or(Value::Null)
    }

    fn try_api(&self, method: &str, path: &str, body: Option<&Value>) -> Result<String, String> {
        let mut command = self.curl(method, path);
        if let Some(body) = body {
            command.args(["-H", "Content-Type: application/json", "-d", &body.to_string()]);
        }
        run_output(&mut command)
    }

    fn curl(&self, method: &str, path: &str) -> Command {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "60", "-X", method]);
        command.arg("--unix-socket").arg(self.socket()).arg(format!("http://docker{path}"));
        command
    }

    /// Makes an image from the files of a tar archive.
    #[track_caller]
    pub(crate) fn import(&self, archive: &Path, image: &str) {
        let mut command = self.curl("POST", &format!("/images/create?fromSrc=-&repo={image}&tag=latest"));
        command.args(["-H", "Content-Type: application/x-tar", "-H", "Expect:", "--data-binary"]);
        command.arg(format!("@{}", archive.display()));
        let answer = run_output(&mut command)
            .unwrap_or_else(|error| panic!("importing {image}: {error}\n{}", self.log()));
        assert!(answer.contains("sha256:"), "{answer}");
    }

    /// Makes an image of HAProxy with its libraries and nothing else; its name.
    pub(crate) fn haproxy(&self, branch: Branch) -> String {
        let archive = archive(self.dir.path(), branch);
        let image = format!("haproxy-{branch}");
        self.import(&archive, &image);
        image
    }

    /// Starts a container in the host's network. `binds` are `HOST:CONTAINER[:ro]`, `restart` is `no` or `uninterrupted`.
    #[track_caller]
    pub(crate) fn run(
        &self,
        (image, name): (&str, &str),
        argv: &[&str],
        labels: &[(&str, &str)],
        binds: &[&str],
        restart: &str,
    ) -> Container {
        let labels: serde_json::Map<_, _> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let host = json!({"Binds": binds, "NetworkMode": "host", "RestartPolicy": {"Name": restart}});
        self.create(name, &json!({"Image": image, "Cmd": argv, "Labels": labels, "HostConfig": host}))
    }

    /// Starts a container that is described in the API's own words.
    #[track_caller]
    pub(crate) fn create(&self, name: &str, body: &Value) -> Container {
        let made = self.api("POST", &format!("/containers/create?name={name}"), Some(body));
        let id = made["Id"].as_str().unwrap_or_else(|| panic!("no container: {made}")).to_owned();
        self.api("POST", &format!("/containers/{id}/start"), None);
        self.container(&id)
    }

    /// A container as it is now: another first process after a restart.
    #[track_caller]
    pub(crate) fn container(&self, id: &str) -> Container {
        let pid = wait_for("the container runs", || {
            let seen = self.api("GET", &format!("/containers/{id}/json"), None);
            u32::try_from(seen["State"]["Pid"].as_u64()?).ok().filter(|pid| *pid != 0)
        });
        Container { id: id.to_owned(), pid }
    }

    /// What a container wrote, with eight bytes before each piece that say where to and how much.
    #[track_caller]
    pub(crate) fn logs(&self, id: &str) -> String {
        let path = format!("/containers/{id}/logs?stdout=1&stderr=1");
        let mut command = self.curl("GET", &path);
        String::from_utf8_lossy(&command.output().expect("curl runs").stdout).into_owned()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let all = self.try_api("GET", "/containers/json?all=1", None).unwrap_or_default();
        for container in serde_json::from_str::<Vec<Value>>(&all).unwrap_or_default() {
            let path = format!("/containers/{}?force=1", container["Id"].as_str().unwrap_or_default());
            let _ = self.try_api("DELETE", &path, None);
        }
        self.daemon.signal(Signal::TERM);
        let _ = within(super::wait::PATIENCE, || self.daemon.has_ended().then_some(()));
        self.daemon.end(Signal::KILL);
    }
}

/// The folder with the daemon.
pub(super) fn programs() -> PathBuf {
    let home = skip::variable("HAGUARD_TEST_DOCKER");
    home.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/docker"))
}

/// Why none can be started here.
pub(super) fn lacking() -> Option<String> {
    let home = programs();
    match () {
        () if !rustix::process::geteuid().is_root() => Some("root, who alone can start dockerd".to_owned()),
        () if !home.join("usr/sbin/dockerd").is_file() => {
            Some(format!("dockerd in {} (.ci/docker fetches it)", home.display()))
        }
        () => None,
    }
}

/// Packs HAProxy with its libraries and nothing else, not even a shell, into an archive in this folder.
/// 2.8 has no C library of its own and cannot be had.
pub(super) fn archive(dir: &Path, branch: Branch) -> PathBuf {
    let binary = haproxy::binary(branch);
    let above = libraries(&binary);
    let files = dir.join(format!("files-{branch}"));
    let folder = |path: &Path| {
        let inside = files.join(path.strip_prefix("/").unwrap_or(path));
        std::fs::create_dir_all(&inside).expect("a folder of the image");
        inside
    };
    for path in ["/tmp", "/run", "/var/lib/haproxy", "/usr/local/etc/haproxy"] {
        folder(Path::new(path));
    }
    let at = folder(Path::new("/usr/local/sbin"));
    copy(&[&binary, &binary.with_file_name("root")], &at);
    copy(&[&binary.with_file_name("root")], &folder(above.parent().expect("a folder is in a folder")));
    let people = "root:x:0:0:root:/root:/bin/sh\nhaproxy:x:99:99::/var/lib/haproxy:/usr/sbin/nologin\n";
    let etc = folder(Path::new("/etc"));
    std::fs::write(etc.join("passwd"), people).expect("a file of the image");
    std::fs::write(etc.join("group"), "root:x:0:\nhaproxy:x:99:\n").expect("a file of the image");
    let archive = dir.join("image.tar");
    run_output(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&files).arg("."))
        .expect("tar packs it");
    std::fs::remove_dir_all(&files).expect("it is ours");
    archive
}

/// The folder with the C library that a branch came with.
pub(crate) fn libraries(binary: &Path) -> PathBuf {
    let loader = loader(binary).expect("a branch that came with its own C library");
    let above = loader.ancestors().find(|above| above.ends_with("root"));
    above.expect("as .ci/haproxy lays it out").to_owned()
}

/// The loader that a program asks for (PT_INTERP of ELF64), where it is one that `.ci/haproxy` brought.
pub(crate) fn loader(program: &Path) -> Option<PathBuf> {
    let bytes = std::fs::read(program).ok()?;
    let number = |at: usize, length: usize| {
        let mut wide = [0; 8];
        wide[..length].copy_from_slice(bytes.get(at..at + length)?);
        usize::try_from(u64::from_le_bytes(wide)).ok()
    };
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let entry = (0..count).map(|index| table + index * size).find(|at| number(*at, 4) == Some(3))?;
    let (from, length) = (number(entry + 8, 8)?, number(entry + 32, 8)?);
    let text = std::str::from_utf8(bytes.get(from..from + length)?).ok()?.trim_end_matches('\0');
    text.contains("/root/").then(|| PathBuf::from(text))
}

/// Copies files and folders with everything in them.
pub(crate) fn copy(what: &[&Path], into: &Path) {
    run_output(Command::new("cp").arg("-a").args(what).arg(into)).expect("cp copies");
}

/// What it wrote; all of it where it failed.
pub(super) fn run_output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stdout) + &text(&output.stderr)),
    }
}

fn triplet() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}
