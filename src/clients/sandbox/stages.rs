//! The two helpers of a sandbox. What they do happens in namespaces of their own.

use std::io::{Stderr, Write, stdin, stdout};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};
use rustix::process::{Pid, PidfdFlags, chdir, pidfd_open, pivot_root};
use rustix::thread::UnshareFlags;

use super::{ProcFolder, SOCKET_FOLDER, SandboxSpec, StageEvent, loopback, overlay};
use crate::clients::exec::spawn;
use crate::clients::linux;
use crate::wait;

/// The exit status of a stage; an error goes to the caller as an event.
pub(in crate::clients) fn run(result: Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            send_event(&StageEvent::Failed(format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn send_event(event: &StageEvent) {
    // This fails where the caller has ended, and then the sandbox ends as well.
    if let Ok(line) = serde_json::to_string(event) {
        // In one piece: both stages write to this pipe, and their lines must not mix.
        let _ = stdout().lock().write_all(format!("{line}\n").as_bytes());
    }
}

/// Takes all namespaces but the mount namespace, in which haguard's own program might not be found. The next child is PID 1.
pub(in crate::clients) fn run_first_stage() -> Result<u8> {
    unshare(UnshareFlags::NEWNET | UnshareFlags::NEWPID | UnshareFlags::NEWIPC)?;
    let mut command = spawn::self_command(spawn::HELPER_ARGV0);
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let mut init = command.spawn().context("starting the first process")?;
    send_event(&StageEvent::Init(init.id()));
    let status = init.wait()?;
    Ok(u8::try_from(spawn::shell_status(status)).unwrap_or(1))
}

#[expect(deprecated, reason = "unsound only with CLONE_FILES, which is not asked for")]
fn unshare(flags: UnshareFlags) -> Result<()> {
    rustix::thread::unshare(flags).context("taking namespaces of its own")
}

/// PID 1: lays the file systems out, moves into them, starts the program, and ends with it or with the caller.
pub(in crate::clients) fn run_init_stage(spec: &SandboxSpec) -> Result<u8> {
    let name = std::ffi::CString::new(linux::SANDBOX_INIT_NAME)?;
    rustix::thread::set_name(&name).context("naming the first process")?;
    linux::file_size::lift();
    let proc = ProcFolder::open()?;
    if let Some(place) = &spec.place {
        place.enter(&["uts", "mnt"])?;
    }
    unshare(UnshareFlags::NEWNS | UnshareFlags::NEWUTS)?;
    // What follows mounts, sets the network and writes files, which must not happen in the host or the container.
    for (kind, own) in proc.namespaces()? {
        let taken = spec.host.get(&kind) == Some(&own)
            || spec.place.as_ref().and_then(|place| place.namespace(&kind)) == Some(&own);
        anyhow::ensure!(!taken, "the {kind} namespace is not its own");
    }
    let copy = overlay::build_root(&proc)?;
    // The program may be promised a descriptor of this number.
    drop(proc);
    enter_root(&copy.root)?;
    loopback::set_up(&spec.sysctls, &spec.interfaces)?;
    make_proc_sys_read_only().context("sealing /proc/sys")?;
    mount_socket_folder().context("making a folder for sockets")?;
    for (folder, owner) in &spec.emptied {
        mount_empty_folder(folder, *owner).with_context(|| format!("emptying {folder}"))?;
    }
    write_hosts_file(&spec.hosts).context("writing /etc/hosts")?;
    copy.make_read_only()?;
    let sockets = loopback::open_inherited_sockets(&spec.inherited)?;
    // The program must not reach our terminal.
    rustix::process::setsid().context("taking a session of its own")?;
    // From here on this process needs no more rights than the program.
    if let Some(credentials) = &spec.credentials {
        credentials.apply().context("taking the credentials of the master")?;
    }
    let mut child = start_program(spec)?;
    send_event(&StageEvent::Started);
    drop(sockets);
    wait_for_program_or_caller(&child)?;
    if let Some(status) = child.try_wait()? {
        send_event(&StageEvent::Ended(spawn::shell_status(status)));
        // The caller may still read the log and sockets; it closes the pipe after that.
        wait_for_caller()?;
    }
    Ok(0)
}

fn enter_root(root: &Path) -> Result<()> {
    chdir(root).context("entering the copy")?;
    mount("proc", "proc", "proc", MountFlags::empty(), None).context("mounting its /proc")?;
    // The old root is mounted over the new one and detached: from here on no path leads to the host.
    pivot_root(".", ".").context("making it the root")?;
    unmount(".", UnmountFlags::DETACH).context("leaving the host's root")?;
    chdir("/").context("its root")
}

fn make_proc_sys_read_only() -> Result<()> {
    mount_bind("/proc/sys", "/proc/sys")?;
    mount_remount("/proc/sys", MountFlags::BIND | MountFlags::RDONLY, "")?;
    Ok(())
}

/// A tmpfs, so that it can be written where the root of the sandbox cannot.
fn mount_socket_folder() -> Result<()> {
    std::fs::create_dir_all(SOCKET_FOLDER)?;
    Ok(mount("tmpfs", SOCKET_FOLDER, "tmpfs", MountFlags::empty(), Some(c"mode=1777"))?)
}

/// Mounts an empty tmpfs over a folder; nothing is removed.
fn mount_empty_folder(folder: &str, owner: Option<(u32, u32)>) -> Result<()> {
    if owner.is_some() {
        // It may be below a folder that was emptied just now.
        let _ = std::fs::create_dir_all(folder);
    }
    let Ok(seen) = std::fs::metadata(folder) else { return Ok(()) };
    let (uid, gid) = owner.unwrap_or((seen.uid(), seen.gid()));
    let options = format!("mode={:o},uid={uid},gid={gid}", seen.mode() & 0o7777);
    Ok(mount(
        "tmpfs",
        folder,
        "tmpfs",
        MountFlags::empty(),
        Some(std::ffi::CString::new(options)?.as_c_str()),
    )?)
}

/// Containers bind-mount this file, which can then not be written; another file is mounted over it.
fn write_hosts_file(text: &str) -> Result<()> {
    let ours = format!("{SOCKET_FOLDER}/hosts");
    std::fs::write(&ours, text)?;
    std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o644))?;
    if !Path::new("/etc/hosts").exists() {
        std::fs::write("/etc/hosts", "")?;
    }
    Ok(mount_bind(ours.as_str(), "/etc/hosts")?)
}

fn start_program(spec: &SandboxSpec) -> Result<Child> {
    let mut command = spawn::command(&spec.program);
    command.args(&spec.arguments).env_clear().envs(&spec.environment);
    command.stdin(Stdio::null()).stdout(log_stdio()?).stderr(log_stdio()?);
    if let Some(folder) = &spec.folder {
        command.current_dir(folder);
    }
    command.spawn().with_context(|| format!("starting {} in the sealed copy", spec.program))
}

fn log_stdio() -> Result<Stdio> {
    let stderr: Stderr = std::io::stderr();
    Ok(Stdio::from(stderr.as_fd().try_clone_to_owned()?))
}

/// Returns when the program has ended, or the caller's end of the pipe is closed.
fn wait_for_program_or_caller(child: &Child) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a PID out of range")?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).context("opening a pidfd")?;
    let lifeline = stdin();
    let mut watched = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(&lifeline, PollFlags::IN)];
    wait::until_ready(&mut watched, None).map(drop)
}

fn wait_for_caller() -> Result<()> {
    let lifeline = stdin();
    wait::until_ready(&mut [PollFd::new(&lifeline, PollFlags::IN)], None).map(drop)
}
