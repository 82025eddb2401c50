//! A program that takes the place of another process: same user, folder, limits, control group and standard streams, in a
//! session of its own.
//!
//! A helper (the starter) takes all of that over while the other process still runs, so that a failure comes before anything
//! has ended. It then waits for the order and becomes the program. When the caller is killed after it has ordered the
//! restart, the starter waits for the end of the other process by itself, so that the host is not left without HAProxy.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use procfs::process::{LimitValue, Limits, Process as Entry};
use rustix::process::{Pid, PidfdGetfdFlags, Resource, Rlimit, pidfd_getfd};

use super::helper_process::HelperProcess;
use super::helper_request::HelperRequest;
pub use super::helper_request::ReplacementSpec;
use super::spawn;
use crate::clearance::Clearance;
use crate::clients::linux;
use crate::clients::linux::credentials::ProcessCredentials;
use crate::clients::linux::pidfd::ProcessHandle;
use crate::timeouts;

/// The lines that it reads: the other process is about to be ended; become the program; end.
const ORDERED: &str = "ordered";
const GO: &str = "go";
const LEAVE: &str = "leave";

/// A starter that waits for the order.
#[derive(Debug)]
pub struct Replacement {
    helper: HelperProcess,
    handle: ProcessHandle,
}

impl Replacement {
    /// Prepares everything but the start.
    ///
    /// # Errors
    /// When something of the other process cannot be taken over; it runs on.
    pub fn prepare(spec: ReplacementSpec) -> Result<Self> {
        let mut helper = HelperProcess::start(spawn::HELPER_ARGV0, "starter")?;
        helper.send(&[HelperRequest::Detach, HelperRequest::Replace(spec)])?;
        let pid = helper.read_reply()?.context("the starter has ended")?;
        let pid: u32 = pid.parse().context("the starter's PID")?;
        let ticks = linux::process(pid)?.start_ticks.context("when the starter started is not known")?;
        Ok(Replacement { helper, handle: ProcessHandle::open(pid, ticks)? })
    }

    /// From here on it starts the program also when this process is killed, once the other process has ended.
    ///
    /// # Errors
    /// When it has ended.
    pub fn mark_ordered(&mut self) -> Result<()> {
        self.helper.request(ORDERED).map(drop)
    }

    /// Ends the starter: the other process runs on.
    pub fn cancel(&mut self) {
        // Its only answer is its end.
        let _ = self.helper.try_request(LEAVE);
        self.helper.reap();
    }

    /// Starts the program and returns its PID.
    ///
    /// # Errors
    /// When the program cannot be executed.
    pub fn start(&mut self, _clearance: &Clearance) -> Result<u32> {
        // Its end of the pipe closes when it becomes the program.
        self.helper.try_request(GO)?;
        self.helper.reap();
        Ok(self.handle.pid())
    }

    /// The program has ended.
    pub fn has_ended(&self) -> bool {
        self.handle.ended_within(Duration::ZERO).unwrap_or(true)
    }
}

/// Starts the second child and ends, so that init is the parent of the program and not the shell that called haguard.
pub(super) fn detach_from_parent() -> ExitCode {
    let mut second = spawn::self_command(spawn::HELPER_ARGV0);
    second.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::null());
    match second.spawn() {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Becomes the program; returns only where that fails.
pub(super) fn run(spec: &ReplacementSpec) -> ExitCode {
    let Ok(answers) = stdout().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let mut answers = std::fs::File::from(answers);
    if let Err(error) = exec_in_place(spec, &mut answers) {
        // A caller that has ended needs no answer.
        let _ = writeln!(answers, "failed: {}", format!("{error:#}").replace('\n', " "));
    }
    ExitCode::FAILURE
}

fn exec_in_place(spec: &ReplacementSpec, answers: &mut std::fs::File) -> Result<()> {
    let ticks = linux::process(spec.like)?.start_ticks.context("when it started is not known")?;
    let other = ProcessHandle::open(spec.like, ticks)?;
    let [input, output, errors] = standard_streams(other.pidfd())?;
    inherit_exec_context(spec.like)?;
    let mut command = spawn::command(&spec.program);
    if let Some((name, rest)) = spec.arguments.split_first() {
        command.arg0(name).args(rest);
    }
    command.env_clear().envs(&spec.environment).stdin(input).stdout(output).stderr(errors);
    writeln!(answers, "{}", std::process::id())?;
    wait_for_order(&mut BufReader::new(stdin()), answers, &other)?;
    Err(command.exec()).with_context(|| format!("executing {}", spec.program))
}

/// Waits until the program is to be started.
fn wait_for_order(
    lines: &mut impl BufRead,
    answers: &mut std::fs::File,
    other: &ProcessHandle,
) -> Result<()> {
    let mut ordered = false;
    loop {
        let mut line = String::new();
        let length = lines.read_line(&mut line).context("waiting for the order")?;
        match (line.trim_end(), ordered) {
            (GO, _) => return Ok(()),
            (ORDERED, _) => {
                ordered = true;
                writeln!(answers, "{ORDERED}")?;
            }
            _ if length == 0 && ordered => {
                ensure!(
                    other.ended_within(timeouts::START)?,
                    "the caller has ended, and PID {} has not",
                    other.pid()
                );
                return Ok(());
            }
            _ => bail!("the restart was cancelled"),
        }
    }
}

/// Its three standard streams; /dev/null for one that it has closed.
fn standard_streams(other: &OwnedFd) -> Result<[Stdio; 3]> {
    let one = |number| match pidfd_getfd(other, number, PidfdGetfdFlags::empty()) {
        Ok(stream) => Ok(Stdio::from(stream)),
        Err(rustix::io::Errno::BADF) => Ok(Stdio::null()),
        Err(error) => Err(error).with_context(|| format!("taking over stream {number}")),
    };
    Ok([one(0)?, one(1)?, one(2)?])
}

/// Takes over everything that a process hands on to a program that it executes. The user comes last, since the rights to set
/// the rest end with it.
fn inherit_exec_context(pid: u32) -> Result<()> {
    let number = i32::try_from(pid)?;
    let entry = Entry::new(number).with_context(|| format!("PID {pid}"))?;
    let (status, stat) = (entry.status()?, entry.stat()?);
    // Read before the user changes, since another user may not read all of it.
    let (credentials, theirs) = (ProcessCredentials::from_pid(pid, false)?, linux::exec_context(pid)?);
    let root = std::fs::read_link(format!("/proc/{pid}/root")).context("its root folder")?;
    ensure!(root == Path::new("/"), "PID {pid} has a root folder of its own, {}", root.display());
    rustix::process::setsid().context("taking a session of its own")?;
    rustix::process::chdir(format!("/proc/{pid}/cwd")).context("entering its folder")?;
    join_cgroup(pid)?;
    apply_limits(&entry.limits().context("its limits")?)?;
    if let Some(umask) = status.umask {
        rustix::process::umask(rustix::fs::Mode::from_bits_truncate(umask));
    }
    rustix::process::setpriority_process(None, i32::try_from(stat.nice)?).context("its priority")?;
    let cpus = rustix::thread::sched_getaffinity(Pid::from_raw(number)).context("its processors")?;
    rustix::thread::sched_setaffinity(None, &cpus).context("its processors")?;
    let score = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).context("oom_score_adj")?;
    std::fs::write("/proc/self/oom_score_adj", score.trim()).context("oom_score_adj")?;
    // This process has one thread, so that what is set for the thread is set for what it becomes.
    credentials.apply().context("its user and rights")?;
    require_same_exec_context(&theirs)
}

/// Finds what cannot be taken over, such as a seccomp filter, while the other process still runs.
fn require_same_exec_context(theirs: &BTreeMap<String, String>) -> Result<()> {
    let ours = linux::exec_context(std::process::id())?;
    let other = linux::exec_context_differences(theirs, &ours);
    ensure!(other.is_empty(), "one that is started here would not be the same: {}", other.join("; "));
    Ok(())
}

/// Joins its control group: systemd or a login session would otherwise end the program together with haguard's own.
fn join_cgroup(pid: u32) -> Result<()> {
    let of = |who: &str| std::fs::read_to_string(format!("/proc/{who}/cgroup"));
    let (ours, theirs) = (of("self")?, of(&pid.to_string())?);
    if ours == theirs {
        return Ok(());
    }
    let group = theirs.lines().find_map(|line| {
        line.strip_prefix("0::").or_else(|| line.split_once(":name=systemd:").map(|(_, path)| path))
    });
    let group = group.context("its control group is not known")?;
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
    let files = roots.map(|root| format!("{root}{group}/cgroup.procs"));
    let Some(file) = files.iter().find(|file| Path::new(file).exists()) else {
        bail!("its control group {group} is not in /sys/fs/cgroup")
    };
    std::fs::write(file, "0").with_context(|| format!("joining its control group, {file}"))
}

fn apply_limits(limits: &Limits) -> Result<()> {
    let all = [
        (Resource::Cpu, &limits.max_cpu_time),
        (Resource::Fsize, &limits.max_file_size),
        (Resource::Data, &limits.max_data_size),
        (Resource::Stack, &limits.max_stack_size),
        (Resource::Core, &limits.max_core_file_size),
        (Resource::Rss, &limits.max_resident_set),
        (Resource::Nproc, &limits.max_processes),
        (Resource::Nofile, &limits.max_open_files),
        (Resource::Memlock, &limits.max_locked_memory),
        (Resource::As, &limits.max_address_space),
        (Resource::Locks, &limits.max_file_locks),
        (Resource::Sigpending, &limits.max_pending_signals),
        (Resource::Msgqueue, &limits.max_msgqueue_size),
        (Resource::Nice, &limits.max_nice_priority),
        (Resource::Rtprio, &limits.max_realtime_priority),
        (Resource::Rttime, &limits.max_realtime_timeout),
    ];
    let value = |value: LimitValue| match value {
        LimitValue::Unlimited => None,
        LimitValue::Value(value) => Some(value),
    };
    for (resource, limit) in all {
        let new = Rlimit { current: value(limit.soft_limit), maximum: value(limit.hard_limit) };
        rustix::process::setrlimit(resource, new).with_context(|| format!("its limit {resource:?}"))?;
    }
    Ok(())
}
