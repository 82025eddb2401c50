//! PostgreSQL that Patroni runs. Patroni starts it so that it outlives Patroni, so that neither its parents nor MainPID show
//! it: the start time that Patroni reports is compared with that of the process.

use jiff::Timestamp;

use super::{ControllerEvidence, ControllerQueries};
use crate::clients::linux;
use crate::clients::patroni::{self, PatroniInfo};
use crate::facts::controllers::{Control, Controller, Evidence, PatroniMember};
use crate::facts::{Known, Listener, Process};
use crate::wire::linux::cgroup::{self, CgroupOwner};
use crate::wire::linux::command_line::{self, Role};
use crate::wire::patroni::cluster_name;

/// PostgreSQL notes its start a moment after the kernel does.
const START_TOLERANCE_MS: i64 = 3000;

/// A Patroni of this host, with its answer.
pub(super) type PatroniStatus = (Process, Result<PatroniInfo, String>);

/// The controller where it is PostgreSQL and Patroni runs it; else the evidence unchanged.
pub(super) fn identify<'a>(
    queries: &ControllerQueries,
    case: ControllerEvidence<'a>,
) -> Result<Control, ControllerEvidence<'a>> {
    let process = case.process;
    if role(process) != Some(Role::Postgresql) {
        return Err(case);
    }
    // Patroni sets --cluster_name; others may do so as well.
    let Some(scope) = cluster_name(&process.argv).map(str::to_owned) else { return Err(case) };
    let all = queries.patronis.get_or_query(&process.uid, || query_patronis_of_user(queries, process.uid));
    // One of another cluster runs another PostgreSQL.
    let may_run = |(_, info): &&PatroniStatus| info.as_ref().map_or(true, |info| info.status.scope == scope);
    let beside: Vec<&PatroniStatus> = all.iter().filter(may_run).collect();
    let agree =
        |(_, info): &&&PatroniStatus| info.as_ref().is_ok_and(|info| start_times_match(info, process));
    let mut fits: Vec<&PatroniStatus> = beside.iter().filter(agree).copied().collect();
    if fits.len() > 1 {
        fits.retain(|(_, info)| info.as_ref().is_ok_and(|info| listens_on_member_port(info, process)));
    }
    // What Patroni starts stays in its control group, and systemd knows what it started itself.
    let own_unit = || {
        let claim = cgroup::owner(case.cgroup);
        let shared = beside.iter().any(|(one, _)| one.cgroup == process.cgroup);
        !shared && matches!(claim, CgroupOwner::Service { .. } | CgroupOwner::UserService { .. })
    };
    match (fits.as_slice(), beside.as_slice()) {
        ([(one, Ok(info))], _) => Ok(proven_member(case, one, info)),
        (_, []) => Err(case),
        _ if own_unit() => Err(case),
        ([], [(one, info)]) => {
            let why = match info {
                Err(why) => why.clone(),
                Ok(info) => describe_start_mismatch(info, process),
            };
            let why = format!("Patroni {} runs as the same user, but {why}", one.pid);
            Ok(case.claimed(controller(one, scope, None), why))
        }
        (_, many) => {
            let pids: Vec<String> = many.iter().map(|(one, _)| one.pid.to_string()).collect();
            Ok(case.unknown(format!("which Patroni runs it is not known: there are {}", pids.join(", "))))
        }
    }
}

/// The Patronis of one user: those of other users cannot have started it, and are not asked.
fn query_patronis_of_user(queries: &ControllerQueries, uid: u32) -> Vec<PatroniStatus> {
    let named = linux::processes_named(&["patroni", "python", "pypy"]).unwrap_or_default();
    let theirs = named.into_iter().filter(|one| {
        one.uid == uid && role(one) == Some(Role::Patroni) && one.same_pid_namespace != Known::Seen(false)
    });
    let asked = theirs.map(|one| {
        let info = patroni::query(one.pid, queries.query_timeout()).map_err(|error| format!("{error:#}"));
        (one, info)
    });
    asked.collect()
}

fn role(process: &Process) -> Option<Role> {
    command_line::role(process.exe.seen().map(String::as_str), &process.argv)
}

fn start_times_match(info: &PatroniInfo, process: &Process) -> bool {
    let times = info.status.started.zip(process.started);
    let apart = times.map(|(info, seen)| (info.as_millisecond() - seen.as_millisecond()).abs());
    apart.is_some_and(|apart| apart <= START_TOLERANCE_MS)
}

/// The start time from /proc moves with the clock of the host, the one that PostgreSQL wrote down does not.
fn describe_start_mismatch(info: &PatroniInfo, process: &Process) -> String {
    match info.status.started {
        None => format!("{} does not say when it started one", info.url),
        Some(_) => format!(
            "{} says that it started its PostgreSQL {}, and this one was started {}: it is another one, or the clock was \
             set since",
            info.url,
            format_time(info.status.started),
            format_time(process.started)
        ),
    }
}

fn format_time(time: Option<Timestamp>) -> String {
    time.map_or("unknown".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Tells members of one cluster apart that were started at once.
fn listens_on_member_port(info: &PatroniInfo, process: &Process) -> bool {
    let listens = |port: u16| {
        linux::listeners(process.pid)
            .is_ok_and(|all| all.iter().filter_map(Listener::socket_addr).any(|at| at.port() == port))
    };
    info.member.as_ref().and_then(|member| member.port).is_some_and(listens)
}

fn proven_member(case: ControllerEvidence<'_>, one: &Process, info: &PatroniInfo) -> Control {
    let (pid, scope) = (case.process.pid, info.status.scope.clone());
    let member = info.member.as_ref().map(|member| member.name.clone());
    let named = member.as_ref().map_or(String::new(), |name| format!("member {name} of "));
    let reported =
        format!("{named}{scope}, whose PostgreSQL was started {}", format_time(info.status.started));
    let seen = format!("--cluster_name={scope}, started {}", format_time(case.process.started));
    case.with_evidence(Evidence::new(format!("{}/patroni", info.url), reported))
        .with_evidence(Evidence::new(format!("/proc/{pid}"), seen))
        .proven(controller(one, scope, member))
}

fn controller(one: &Process, scope: String, member: Option<String>) -> Controller {
    let config = command_line::config_file_candidates(&one.argv)
        .first()
        .map(|path| one.absolute(path))
        .filter(|path| path.starts_with('/'));
    Controller::Patroni(PatroniMember { patroni: one.pid, scope, member, config })
}
