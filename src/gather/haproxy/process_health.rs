//! How the processes fare, from /proc, the master and a few files.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::config_files::ParsedConfig;
use super::paths::on_host;
use crate::clients::{linux, lock_file};
use crate::facts::process_health::{
    MemoryHeadroom, Needrestart, OpenFiles, PidFile, ProcessHealth, ReloadSignal,
};
use crate::facts::{Known, Mode};
use crate::gather::{DiscoveredInstance, GatherContext};
use crate::timeouts;
use crate::wire::haproxy::runtime::info::Info;
use crate::wire::linux::needrestart;

/// The signal that orders a reload.
const SIGUSR2: u32 = 12;

/// Everything about the HAProxy that was found.
pub(in crate::gather) fn gather(
    look: &GatherContext<'_>,
    found: &DiscoveredInstance,
    read: &ParsedConfig,
) -> ProcessHealth {
    let instance = &found.instance;
    let main = &instance.main;
    let worker = instance.serving.as_ref().map(|pid| *pid);
    ProcessHealth {
        master_files: open_files(main.pid).into(),
        worker_files: worker.clone().and_then(open_files),
        memory: worker.clone().and_then(memory_headroom),
        reload_signal: match instance.mode {
            Mode::MasterWorker => reload_signal(main.pid).into(),
            Mode::Standalone => Known::unknown("it runs without a master"),
        },
        stale_libraries: stale_libraries(main.pid, worker.seen().copied()).into(),
        pid_file: pid_file(found, read),
        startup_log: match &found.master {
            Some(master) => master.startup_log().map_err(anyhow::Error::from).into(),
            None => Known::unknown("it has no master socket"),
        },
        turn: match main.start_ticks {
            Some(start) => lock_holder(look, main.pid, start).into(),
            None => Known::unknown("/proc does not say when the main process started"),
        },
        ..gather_host(look, "not looked at")
    }
}

/// What is known of a host where no HAProxy was found.
pub(in crate::gather) fn gather_host(look: &GatherContext<'_>, why: &str) -> ProcessHealth {
    let frozen = lock_file::active_freeze(&look.settings.state_dir.value);
    ProcessHealth {
        needrestart: needrestart().into(),
        freeze: Known::Seen(frozen.map(|(path, reason)| format!("{}: {reason}", path.display()))),
        ..ProcessHealth::unknown(why)
    }
}

fn open_files(pid: u32) -> Result<OpenFiles> {
    let used = linux::open_file_count(pid)?;
    let (limit, _) = linux::open_file_limits(pid).with_context(|| format!("/proc/{pid}/limits"))?;
    Ok(OpenFiles { pid, used, limit })
}

fn memory_headroom(pid: u32) -> Result<MemoryHeadroom> {
    Ok(MemoryHeadroom {
        worker_kb: linux::resident_kb(pid).with_context(|| format!("/proc/{pid}/status"))?,
        host_kb: linux::available_memory_kb().context("/proc/meminfo")?,
        group_kb: linux::cgroup_headroom_kb(pid),
    })
}

fn reload_signal(pid: u32) -> Result<ReloadSignal> {
    let first = linux::signal_state(pid, SIGUSR2)?;
    let mut pending = first.pending;
    if pending {
        std::thread::park_timeout(timeouts::SIGNAL_DELIVERY);
        pending = linux::signal_state(pid, SIGUSR2)?.pending;
    }
    let deadly = !first.ignored && !first.caught;
    Ok(ReloadSignal { pending, ignored: first.ignored, deadly, stopped: first.stopped })
}

fn stale_libraries(main: u32, worker: Option<u32>) -> Result<Vec<String>> {
    let mut all = linux::stale_libraries(main)?;
    if let Some(pid) = worker.filter(|worker| *worker != main) {
        all.extend(linux::stale_libraries(pid)?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// `-p` wins over `pidfile` in the files.
fn pid_file(found: &DiscoveredInstance, read: &ParsedConfig) -> Known<Option<PidFile>> {
    let main = &found.instance.main;
    let path = match (main.haproxy_args().pid_file, &read.model) {
        (Some(path), _) => path,
        (None, Known::Unknown { why }) => return Known::unknown(why.clone()),
        (None, Known::Seen(model)) => match &model.settings.pidfile {
            Some(path) => path.clone(),
            None => return Known::Seen(None),
        },
    };
    let text = linux::read_text_file(&on_host(main, &path)).with_context(|| format!("reading {path}"));
    let pids = text.and_then(|text| {
        let pids = text.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>();
        pids.with_context(|| format!("{path} holds something else than PIDs"))
    });
    Known::Seen(Some(PidFile { path, pids: pids.into() }))
}

/// When the running version was released.
pub(in crate::gather) fn release_date(info: &Known<Info>) -> Known<jiff::civil::Date> {
    let date = || -> Result<_> { info.get()?.release_date.context("`show info` gives no date of release") };
    date().into()
}

/// The holder of the lock, unless it is this process.
fn lock_holder(look: &GatherContext<'_>, pid: u32, start: u64) -> Result<Option<String>> {
    let holder = lock_file::holder(&look.settings.state_dir.value, pid, start)?;
    Ok(holder.filter(|holder| holder.pid != std::process::id()).map(|holder| holder.describe()))
}

/// Its program and its settings.
const NEEDRESTART_PATHS: (&str, &str) = ("/usr/sbin/needrestart", "/etc/needrestart");

fn needrestart() -> Result<Needrestart> {
    let (program, folder) = NEEDRESTART_PATHS;
    if !Path::new(program).exists() {
        return Ok(Needrestart::Absent);
    }
    let folder = Path::new(folder);
    let more = match std::fs::read_dir(folder.join("conf.d")) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}/conf.d", folder.display())),
    };
    let mut more: Vec<PathBuf> =
        more.into_iter().filter(|path| path.extension().is_some_and(|end| end == "conf")).collect();
    more.sort();
    let mut texts = Vec::new();
    for path in std::iter::once(folder.join("needrestart.conf")).chain(more) {
        match std::fs::read(&path) {
            Ok(bytes) => texts.push(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }
    let needrestart::NeedrestartSettings { mode, excludes_haproxy: spares_haproxy } =
        needrestart::parse(texts.iter().map(String::as_str));
    let os = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let by_itself = os.lines().any(|line| line == "ID=ubuntu");
    Ok(Needrestart::Installed { mode, spares_haproxy, by_itself })
}
