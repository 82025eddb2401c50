//! A healthy HAProxy as facts, for tests: each test makes worse what it is about.

use jiff::Timestamp;

use super::namespaces::Namespaces;
use super::process_health::{MemoryHeadroom, Needrestart, OpenFiles, ProcessHealth, ReloadSignal};
use super::{
    ConfigFile, ConfigOnDisk, ConfigTest, Connections, Control, Controller, Cost, Evidence, Facts, Instance,
    Known, Mode, Process, Provenance, Proxy, SCHEMA, Server, ServerAddress, ServerAdminState, SocketFact,
    Worker, WorkerState,
};
use crate::facts::controllers::Unmanaged;

/// One frontend, backend `web` with servers `s1` and `s2`; what runs is what the files say.
pub(crate) fn healthy() -> Facts {
    let servers = || vec![server("web", "s1", 8001), server("web", "s2", 8002)];
    let proxies = || vec![proxy("fe", true), proxy("web", false)];
    let state = |how| WorkerState {
        how,
        connections: Known::Seen(Connections { current: 0, draining: 0 }),
        proxies: Known::Seen(proxies()),
        servers: Known::Seen(servers()),
        patterns: Known::Seen(Vec::new()),
        tables: Known::Seen(Vec::new()),
        certificates: Known::Seen(Vec::new()),
        listeners: Known::Seen(vec![super::Listener::Tcp(([127, 0, 0, 1], 8000).into())]),
    };
    Facts {
        schema: SCHEMA.to_owned(),
        taken_at: Timestamp::UNIX_EPOCH,
        host: "lb1".to_owned(),
        uid: 0,
        candidates: Known::Seen(vec![super::Candidate {
            process: process(),
            workers: vec![101],
            master_socket: Some("/run/master.sock".to_owned()),
            control: proven_control(Controller::Unmanaged(Unmanaged { cgroup: "/user.slice".to_owned() })),
        }]),
        instance: Known::Seen(healthy_instance()),
        namespaces: Known::Seen(Namespaces { own: Vec::new(), closed: None, mounted: Vec::new() }),
        live: state(Provenance::Live),
        next: state(Provenance::Read),
        rehearsal: None,
        start: None,
        shared_listeners: Known::Seen(Vec::new()),
        binds: Known::Seen(Vec::new()),
        config: config_on_disk(),
        dataplane: None,
        vitals: process_health(),
        guard: None,
        pins: Vec::new(),
        on_host: Known::unknown("not looked at"),
        routes: Known::unknown("not looked at"),
        cost: Cost::default(),
        unchanged: Known::Seen(Vec::new()),
    }
}

/// A host on which no HAProxy is found, for this reason.
pub(crate) fn without_instance(why: &str) -> Facts {
    let healthy = healthy();
    Facts {
        instance: Known::unknown(why),
        candidates: Known::Seen(Vec::new()),
        live: WorkerState::unknown(healthy.live.how, why),
        next: WorkerState::unknown(healthy.next.how, why),
        shared_listeners: Known::unknown(why),
        binds: Known::unknown(why),
        config: ConfigOnDisk::unknown(why),
        vitals: ProcessHealth { freeze: Known::Seen(None), ..ProcessHealth::unknown(why) },
        namespaces: Known::unknown(why),
        ..healthy
    }
}

/// A start by a unit that came to what the facts say comes next, in words: to be made another.
pub(crate) fn rehearsed_start(facts: &Facts) -> super::RehearsedStart {
    super::RehearsedStart {
        rehearsal: facts.rehearsal.clone().unwrap_or_else(|| Known::unknown("not tried")),
        next: facts.next.clone(),
        binds: facts.binds.clone(),
        config: facts.config.clone(),
    }
}

/// The facts of a unit whose start is not what runs.
pub(crate) fn unit_start(tried: super::RehearsedStart) -> Option<Known<super::UnitStart>> {
    Some(Known::Seen(super::UnitStart {
        unit: "haproxy.service".to_owned(),
        differs: vec!["environment: EDGE_PORT has another value".to_owned()],
        assumed: Vec::new(),
        rests_on: [("environment of its start".to_owned(), "md5 1".to_owned())].into(),
        tried: Some(Box::new(tried)),
    }))
}

/// The instance, to be made worse.
pub(crate) fn instance_mut(facts: &mut Facts) -> &mut Instance {
    known_mut(&mut facts.instance)
}

/// The files ask for one more address, of which this is known.
pub(crate) fn add_new_bind(facts: &mut Facts, state: super::BindState) {
    let listener = super::Listener::Tcp(([127, 0, 0, 1], 8001).into());
    let (address, at) = (listener.short(), Some("/etc/haproxy.cfg:9".to_owned()));
    if let Known::Seen(binds) = &mut facts.binds {
        binds.push(super::NewBind { listener: Some(listener), address, at, state });
    }
}

/// The value of a fact that the sample has seen.
pub(crate) fn known_mut<T>(fact: &mut Known<T>) -> &mut T {
    match fact {
        Known::Seen(value) => value,
        Known::Unknown { why } => panic!("the sample has seen this: {why}"),
    }
}

/// A server as the files and the worker agree on it.
pub(crate) fn server(backend: &str, name: &str, port: u16) -> Server {
    Server {
        backend: backend.to_owned(),
        name: name.to_owned(),
        address: Known::Seen(ServerAddress { ip: "10.0.0.1".to_owned(), port }),
        fqdn: None,
        weight: Known::Seen(1),
        initial_weight: Some(1),
        admin: Known::Seen(ServerAdminState::Ready),
        initial_admin: Some(ServerAdminState::Ready),
        certain: true,
    }
}

/// A frontend or a backend.
pub(crate) fn proxy(name: &str, frontend: bool) -> Proxy {
    let at = Some("/etc/haproxy.cfg:7".to_owned());
    Proxy { name: name.to_owned(), frontend, backend: !frontend, at, certain: true }
}

fn process() -> Process {
    Process {
        pid: 100,
        ppid: 1,
        uid: 0,
        started: Some(Timestamp::UNIX_EPOCH),
        start_ticks: Some(4200),
        comm: "haproxy".to_owned(),
        argv: "/usr/sbin/haproxy -W -S /run/master.sock -f /etc/haproxy.cfg"
            .split(' ')
            .map(str::to_owned)
            .collect(),
        exe: Known::Seen("/usr/sbin/haproxy".to_owned()),
        exe_deleted: false,
        cwd: Known::Seen("/".to_owned()),
        cgroup: Known::Seen("/user.slice".to_owned()),
        same_pid_namespace: Known::Seen(true),
        same_mount_namespace: Known::Seen(true),
    }
}

fn socket(path: &str, level: &str, by: u32) -> SocketFact {
    SocketFact {
        path: path.to_owned(),
        source: "a test".to_owned(),
        level: Known::Seen(level.to_owned()),
        peer_pid: Known::Seen(100),
        answered_by: Known::Seen(by),
    }
}

/// A controller that two sources agree on.
pub(crate) fn proven_control(controller: Controller) -> Control {
    let evidence = ["/proc/100/cgroup", "its ancestors"].map(|source| Evidence::new(source, "they agree"));
    Control::Proven { controller, evidence: evidence.to_vec() }
}

fn healthy_instance() -> Instance {
    let worker = |pid| Worker {
        pid,
        reloads: 0,
        uptime_s: 60,
        version: "3.0.11".to_owned(),
        connections: Known::unknown("not asked: it serves"),
    };
    Instance {
        main: process(),
        mode: Mode::MasterWorker,
        identity: Known::Seen(vec!["show proc".to_owned(), "SO_PEERCRED".to_owned()]),
        control: proven_control(Controller::Unmanaged(Unmanaged { cgroup: "/user.slice".to_owned() })),
        serving: Known::Seen(101),
        workers: Known::Seen(vec![worker(101)]),
        old_workers: Known::Seen(Vec::new()),
        reloads: Known::Seen(0),
        failed_reloads: Known::Seen(0),
        worker_started: Known::Seen(Timestamp::UNIX_EPOCH),
        master_socket: Known::Seen(socket("/run/master.sock", "master", 100)),
        admin_sockets: Known::Seen(vec![socket("/run/admin.sock", "admin", 101)]),
        running_version: Known::Seen("3.0.11".to_owned()),
        disk_version: Known::Seen("3.0.11".to_owned()),
    }
}

fn process_health() -> ProcessHealth {
    let files = |pid| Known::Seen(OpenFiles { pid, used: 40, limit: 20_000 });
    ProcessHealth {
        master_files: files(100),
        worker_files: files(101),
        memory: Known::Seen(MemoryHeadroom { worker_kb: 20_000, host_kb: 4_000_000, group_kb: None }),
        reload_signal: Known::Seen(ReloadSignal::default()),
        stale_libraries: Known::Seen(Vec::new()),
        pid_file: Known::Seen(None),
        startup_log: Known::Seen(vec!["NOTICE: Loading success.".to_owned()]),
        released: Known::Seen(jiff::civil::date(2026, 10, 14)),
        needrestart: Known::Seen(Needrestart::Absent),
        freeze: Known::Seen(None),
        turn: Known::Seen(None),
    }
}

fn config_on_disk() -> ConfigOnDisk {
    ConfigOnDisk {
        source: Known::Seen("arguments of PID 100".to_owned()),
        arguments: vec!["/etc/haproxy.cfg".to_owned()],
        files: vec![ConfigFile {
            path: "/etc/haproxy.cfg".to_owned(),
            md5: Known::Seen("0".repeat(32)),
            modified: Known::Seen(Timestamp::UNIX_EPOCH),
        }],
        test: Known::Seen(ConfigTest {
            valid: true,
            command: "/usr/sbin/haproxy -c -f /etc/haproxy.cfg".to_owned(),
            alerts: Vec::new(),
        }),
        edited_since_load: Known::Seen(Vec::new()),
        undecided: Vec::new(),
        hard_stop_after: Some("30m".to_owned()),
        max_reloads: None,
        noreuseport: false,
        handed_down: Vec::new(),
        state_file: None,
        state_file_written: None,
        named_files: Known::Seen(super::config_files::ReferencedFiles { count: 0, unreadable: Vec::new() }),
    }
}

/// A web server in /opt/gui of a user, PID 4711, that this controller is proven to run.
pub(crate) fn service(name: &str, port: u16, controller: Controller) -> super::Service {
    let line = format!("python3 -m {name} {port}");
    let process = Process {
        pid: 4711,
        uid: 1001,
        comm: "python3".to_owned(),
        argv: line.split(' ').map(str::to_owned).collect(),
        exe: Known::Seen("/usr/bin/python3.13".to_owned()),
        cwd: Known::Seen("/opt/gui".to_owned()),
        ..process()
    };
    super::Service {
        name: name.to_owned(),
        role: None,
        role_by: Vec::new(),
        process,
        members: Vec::new(),
        user: Some("rbron".to_owned()),
        control: proven_control(controller),
        listens: Known::Seen(vec![super::Listener::Tcp(([127, 0, 0, 1], port).into())]),
        network: Known::Seen("net:[1]".to_owned()),
        same_network: Known::Seen(true),
        files: Vec::new(),
    }
}

/// A host with these services, whose own address is 10.0.0.1.
pub(crate) fn host_facts(services: Vec<super::Service>) -> super::HostFacts {
    super::HostFacts {
        services,
        unowned: Vec::new(),
        network: Known::Seen("net:[1]".to_owned()),
        addresses: Known::Seen(vec![[10, 0, 0, 1].into()]),
        local: Vec::new(),
        processes: 80,
        hidden: 0,
        as_root: false,
    }
}
