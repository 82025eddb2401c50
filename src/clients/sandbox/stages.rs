//! The two stages that run as processes of their own: what they do happens in their own namespaces only.

use std::ffi::OsString;
use std::io::{Stderr, Write, stdin, stdout};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};
use rustix::process::{Pid, PidfdFlags, chdir, pidfd_open, pivot_root};
use rustix::thread::UnshareFlags;

use super::{Event, FOLDER, Proc, Spec, loopback, overlay, receive};
use crate::clients::exec::spawn;
use crate::clients::linux;

/// What the first stage is called with in place of a program's name.
pub(super) const FIRST: &str = "haguard: sealed copy";
const SECOND: &str = "haguard: first process of a sealed copy";

/// Runs a stage when this process was started as one; nothing otherwise.
pub fn run_if_asked(args: &[OsString]) -> Option<ExitCode> {
    let name = args.first()?.to_str()?;
    let ran = match name {
        FIRST => first(),
        SECOND => second(),
        _ => return None,
    };
    Some(match ran {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tell(&Event::Failed(format!("{error:#}")));
            ExitCode::FAILURE
        }
    })
}

fn tell(event: &Event) {
    // Nobody listens any more where this fails, and then everything ends anyway.
    if let Ok(line) = serde_json::to_string(event) {
        // In one piece: both stages write to this pipe, and their lines must not mix.
        let _ = stdout().lock().write_all(format!("{line}\n").as_bytes());
    }
}

/// Takes the namespaces but the one of mounts: from in there our own program might not be found. The next child is
/// PID 1.
fn first() -> Result<u8> {
    receive(&mut unbuffered()?).context("reading what to start")?;
    unshare(UnshareFlags::NEWNET | UnshareFlags::NEWPID | UnshareFlags::NEWIPC)?;
    let mut command = spawn::ourselves();
    command.arg0(SECOND);
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let mut init = command.spawn().context("starting the first process")?;
    tell(&Event::Init(init.id()));
    let status = init.wait()?;
    Ok(u8::try_from(code(status)).unwrap_or(1))
}

#[expect(deprecated, reason = "unsound only with CLONE_FILES, which is not asked for")]
fn unshare(flags: UnshareFlags) -> Result<()> {
    rustix::thread::unshare(flags).context("taking namespaces of its own")
}

/// PID 1: lays the file systems out, moves into them, starts the program, and ends with it or with the caller.
fn second() -> Result<u8> {
    let spec = receive(&mut unbuffered()?).context("reading what to start")?;
    let name = std::ffi::CString::new(linux::SEALED)?;
    rustix::thread::set_name(&name).context("naming the first process")?;
    let proc = Proc::open()?;
    if let Some(place) = &spec.place {
        place.enter(&["uts", "mnt"])?;
    }
    unshare(UnshareFlags::NEWNS | UnshareFlags::NEWUTS)?;
    // What follows mounts, sets the network and writes files: never where anybody lives.
    for (kind, own) in proc.namespaces()? {
        let taken = spec.host.get(&kind) == Some(&own)
            || spec.place.as_ref().and_then(|place| place.name(&kind)) == Some(&own);
        anyhow::ensure!(!taken, "the {kind} namespace is not its own");
    }
    let copy = overlay::lay_out(&proc)?;
    // Its number may be promised to the program.
    drop(proc);
    enter(&copy.root)?;
    loopback::set_up(&spec.sysctls, &spec.interfaces)?;
    seal_proc_sys().context("sealing /proc/sys")?;
    own_folder().context("making a folder for sockets")?;
    for (folder, owner) in &spec.emptied {
        cover(folder, *owner).with_context(|| format!("emptying {folder}"))?;
    }
    name_hosts(&spec.hosts).context("writing /etc/hosts")?;
    copy.seal()?;
    let sockets = loopback::inherited(&spec.inherited)?;
    // Our terminal is no place of the copy's.
    rustix::process::setsid().context("taking a session of its own")?;
    // This process has nothing more to do that would take more rights than the program's.
    if let Some(dress) = &spec.dress {
        dress.put_on().context("doing as the master may")?;
    }
    let mut child = start(&spec)?;
    tell(&Event::Started);
    drop(sockets);
    watch(&child)?;
    if let Some(status) = child.try_wait()? {
        tell(&Event::Ended(code(status)));
        // The caller may still want to read what is left; it closes the pipe when it has.
        wait_for_the_end()?;
    }
    Ok(0)
}

/// std's stdin reads ahead, and what follows in the pipe is the next stage's.
fn unbuffered() -> Result<std::fs::File> {
    Ok(std::fs::File::from(stdin().as_fd().try_clone_to_owned()?))
}

fn enter(root: &Path) -> Result<()> {
    chdir(root).context("entering the copy")?;
    mount("proc", "proc", "proc", MountFlags::empty(), None).context("mounting its /proc")?;
    // The old root is stacked upon the new one and taken away: from here on no path leads to the host.
    pivot_root(".", ".").context("making it the root")?;
    unmount(".", UnmountFlags::DETACH).context("leaving the host's root")?;
    chdir("/").context("its root")
}

fn seal_proc_sys() -> Result<()> {
    mount_bind("/proc/sys", "/proc/sys")?;
    mount_remount("/proc/sys", MountFlags::BIND | MountFlags::RDONLY, "")?;
    Ok(())
}

/// On a file system of its own, which can be written where the root of the copy cannot.
fn own_folder() -> Result<()> {
    std::fs::create_dir_all(FOLDER)?;
    Ok(mount("tmpfs", FOLDER, "tmpfs", MountFlags::empty(), Some(c"mode=1777"))?)
}

/// Nothing is removed: an empty file system is put over it.
fn cover(folder: &str, owner: Option<(u32, u32)>) -> Result<()> {
    if owner.is_some() {
        // One below another that was covered just now.
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

/// A file that was bound there, as containers do, cannot be written; it can be covered.
fn name_hosts(text: &str) -> Result<()> {
    let ours = format!("{FOLDER}/hosts");
    std::fs::write(&ours, text)?;
    std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o644))?;
    if !Path::new("/etc/hosts").exists() {
        std::fs::write("/etc/hosts", "")?;
    }
    Ok(mount_bind(ours.as_str(), "/etc/hosts")?)
}

fn start(spec: &Spec) -> Result<Child> {
    let mut command = spawn::command(&spec.program);
    command.args(&spec.arguments).env_clear().envs(&spec.environment);
    command.stdin(Stdio::null()).stdout(log()?).stderr(log()?);
    if let Some(folder) = &spec.folder {
        command.current_dir(folder);
    }
    command.spawn().with_context(|| format!("starting {} in the sealed copy", spec.program))
}

fn log() -> Result<Stdio> {
    let stderr: Stderr = std::io::stderr();
    Ok(Stdio::from(stderr.as_fd().try_clone_to_owned()?))
}

/// Returns when the program has ended, or the caller's end of the pipe is closed.
fn watch(child: &Child) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a PID out of range")?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).context("opening a pidfd")?;
    let lifeline = stdin();
    let mut watched = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(&lifeline, PollFlags::IN)];
    until_something(&mut watched)
}

fn wait_for_the_end() -> Result<()> {
    let lifeline = stdin();
    until_something(&mut [PollFd::new(&lifeline, PollFlags::IN)])
}

fn until_something(watched: &mut [PollFd<'_>]) -> Result<()> {
    loop {
        match poll(watched, None) {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map(|_| ()).context("waiting"),
        }
    }
}

/// A status as a shell says it: 128 and the signal's number for a program that a signal ended.
fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}
