//! One run of the tests: a folder for all that it makes, a mark on all that it starts, and somebody who clears both away
//! when the run is killed.
#![expect(
    clippy::disallowed_methods,
    reason = "the reaper is a program, and TMPDIR is read here for the tests"
)]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

use super::skip;

/// The variable that everything has which the tests start; its value is the folder of the run.
pub(crate) const MARK: &str = "TESTS_OF_RUN";

/// The longest folder for temporary files in which the sockets of a test still have names that fit (107 bytes).
const LONGEST: usize = 32;

static RUN: LazyLock<TestRun> = LazyLock::new(TestRun::start);

struct TestRun {
    folder: PathBuf,
    _alive: ChildStdin, // closed by the kernel at the latest; the reaper waits for it
}

/// The folder of this run. From the first call on `TempDir` makes its folders in it, and files that the tests and their
/// programs make have the usual rights, whatever the umask of whoever runs them.
pub(crate) fn folder() -> &'static Path {
    &RUN.folder
}

/// A folder of a test's own in it.
pub(crate) fn scratch() -> TempDir {
    TempDir::with_prefix_in("hag", folder()).expect("a folder for a test")
}

/// A name that no other run gives to anything of this machine.
pub(crate) fn name() -> String {
    folder().file_name().expect("it has a name").to_string_lossy().into_owned()
}

impl TestRun {
    fn start() -> Self {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        // Without links in it, as the kernel names what is mounted below: the reaper looks there before it removes.
        let real = |folder: PathBuf| folder.canonicalize().ok();
        let asked = skip::variable("TMPDIR").and_then(real).filter(|folder| fits(folder));
        let home = asked.or_else(|| real("/tmp".into())).expect("a folder for temporary files");
        let made = tempfile::Builder::new().prefix("hag").tempdir_in(home).expect("a folder for the tests");
        let folder = made.keep();
        // Others may go through: some tests are another user.
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711)).expect("our own folder");
        let mut reaper = Command::new("sh");
        reaper.args(["-c", include_str!("reaper.sh"), "reaper"]).arg(&folder).arg(MARK);
        reaper.env_clear().env("PATH", skip::variable("PATH").unwrap_or_default());
        // No Ctrl-C reaches it, and nobody who reads the tests' output waits for it.
        reaper.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = reaper.spawn().expect("sh runs");
        let alive = shell.stdin.take().expect("it is a pipe");
        assert!(shell.wait().expect("it is ours").success(), "the reaper of {} is there", folder.display());
        tempfile::env::override_temp_dir(&folder).expect("nobody else does");
        TestRun { folder, _alive: alive }
    }
}

/// Short enough for sockets, plain enough for a line of the shell, and open to everybody.
fn fits(folder: &Path) -> bool {
    folder.as_os_str().len() <= LONGEST && plain(folder) && open(folder)
}

/// One word of a command line, without quotation marks.
pub(crate) fn plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
}

/// Everybody may enter it.
pub(crate) fn open(folder: &Path) -> bool {
    let enter = |above: &Path| std::fs::metadata(above).is_ok_and(|seen| seen.mode() & 0o001 != 0);
    folder.ancestors().all(enter)
}
