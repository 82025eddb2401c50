//! Files below the root of somebody else, who may put a link anywhere and at any moment: root never reads a file of the
//! host's through it.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use haguard::clients::haproxy::runtime::{RuntimeSocket, RuntimeSocketError};
use haguard::clients::linux;
use tempfile::TempDir;

use crate::support::process::{Process, on_path};
use crate::support::requires::requires;
use crate::support::wait::wait_for;

const HOSTS: &str = "the host's";
const THEIRS: &str = "theirs";

/// A process that lives in a folder as its root, beside a file of the host's.
struct ChrootedProcess {
    process: Process,
    dir: TempDir,
}

impl ChrootedProcess {
    fn start() -> Self {
        let perl = on_path("perl").unwrap();
        let dir = TempDir::with_prefix("hag").unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(dir.path().join("secret"), HOSTS).unwrap();
        let script = "chroot($ARGV[0]) or die; chdir('/') or die; sleep(600);";
        let args = ["-e".into(), script.into(), root.clone().into_os_string()];
        let process = Process::start(&perl, &args.map(OsString::from), &[], &dir.path().join("log"));
        let link = format!("/proc/{}/root", process.pid());
        wait_for("it has its root", || (std::fs::read_link(&link).ok()? == root).then_some(()));
        ChrootedProcess { process, dir }
    }

    /// A file of the host's, by its path there.
    fn secret(&self) -> PathBuf {
        self.dir.path().join("secret")
    }

    /// Where a path of the process's is out here.
    fn put(&self, inside: &Path) -> PathBuf {
        let path = self.dir.path().join("root").join(inside.strip_prefix("/").unwrap_or(inside));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// The same as haguard goes there.
    fn seen(&self, inside: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.process.pid())).join(inside)
    }
}

#[test]
fn a_link_that_leads_out_of_a_root_leads_to_the_file_in_there_or_to_none() {
    requires!(Root, Program("perl"));
    let there = ChrootedProcess::start();
    let secret = there.secret();
    let climbing = format!("../../../../../../../..{}", secret.display());
    symlink(&secret, there.put(Path::new("absolute"))).unwrap();
    symlink(&climbing, there.put(Path::new("climbing"))).unwrap();
    symlink(secret.parent().unwrap(), there.put(Path::new("folder"))).unwrap();
    symlink("/proc/self/root", there.put(Path::new("magic"))).unwrap();
    let outside = secret.strip_prefix("/").unwrap().display().to_string();
    let names = ["absolute", "climbing", "folder/secret", &format!("magic/{outside}")];
    for name in names {
        let path = there.seen(name);
        let error = linux::read_regular_file(&path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{name}: {error}");
        assert!(!linux::exists(&path).unwrap() && linux::metadata(&path).is_err(), "{name}");
    }
    assert!(linux::list_folder(&there.seen("folder")).is_err());
    assert!(!linux::same_file(&there.seen("absolute"), &secret));
    std::fs::write(there.put(&secret), THEIRS).unwrap();
    for name in &names[..3] {
        assert_eq!(linux::read_text_file(&there.seen(name)).unwrap(), THEIRS, "{name}");
    }
    assert_eq!(linux::list_folder(&there.seen("folder")).unwrap(), ["secret"]);
}

#[test]
fn a_socket_of_the_hosts_is_not_asked_through_a_link_in_a_root() {
    requires!(Root, Program("perl"));
    let there = ChrootedProcess::start();
    let path = there.dir.path().join("daemon.sock");
    let daemon = UnixListener::bind(&path).unwrap();
    daemon.set_nonblocking(true).unwrap();
    symlink(&path, there.put(Path::new("admin.sock"))).unwrap();
    let socket = RuntimeSocket::new(there.seen("admin.sock"), Duration::from_secs(5), Arc::default());
    let said = socket.ask("show info");
    assert!(matches!(said, Err(RuntimeSocketError::Missing { .. })), "{said:?}");
    assert_eq!(daemon.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody knocked");
}

#[test]
fn a_file_that_becomes_a_link_while_it_is_read_is_never_the_hosts() {
    requires!(Root, Program("perl"));
    let there = ChrootedProcess::start();
    let [file, link, name] = ["file", "link", "etc/a.cfg"].map(|name| there.put(Path::new(name)));
    symlink(there.secret(), &link).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swap = || {
            while !stop.load(Ordering::Relaxed) {
                std::fs::write(&file, THEIRS).unwrap();
                std::fs::rename(&file, &name).unwrap();
                symlink(there.secret(), &file).unwrap();
                std::fs::rename(&file, &name).unwrap();
            }
        };
        scope.spawn(swap);
        let found: Vec<String> = (0..5000)
            .filter_map(|_| {
                let path = linux::proc_root_path(there.process.pid(), Path::new("/etc/a.cfg"));
                linux::read_text_file(&path).ok()
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        assert!(found.iter().any(|text| text == THEIRS));
        let stolen = found.iter().filter(|text| *text == HOSTS).count();
        assert_eq!(stolen, 0, "of {} that were read", found.len());
    });
}
