//! Every time limit and every interval that is not a setting, by its purpose. `--timeout` limits a whole look beside them.

use std::time::Duration;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// One answer of systemd, Docker, supervisord, tmux or Patroni while a host is looked at.
pub const CONTROLLER_QUERY: Duration = s(2);
/// `podman container inspect`, which reads its records from disk first.
pub const PODMAN_QUERY: Duration = s(5);
/// One answer of systemd or Docker during an operation.
pub const SERVICE_QUERY: Duration = s(10);
/// One answer on a runtime or master socket: a healthy HAProxy answers in milliseconds.
pub const RUNTIME_QUERY: Duration = s(3);
/// `show servers state` while health checks are awaited.
pub const HEALTH_QUERY: Duration = s(5);
/// The first answer of a rehearsed worker, which is short.
pub const FIRST_QUERY: Duration = s(1);
/// Later answers of a rehearsed worker: those of a big one are long.
pub const BULK_QUERY: Duration = s(10);
/// A worker that still loads answers when it has loaded. Each question takes one of the master's ten connections
/// meanwhile, so there must be few of them.
pub const LOADING_WORKER_QUERY: Duration = s(30);
/// One call to the Data Plane API, which blocks its list of reloads while a reload is under way.
pub const DATAPLANE_QUERY: Duration = s(5);
/// A TCP connection to an address that is watched for downtime.
pub const CONNECT: Duration = ms(500);
/// All host names of a configuration together; one that takes longer stays unknown.
pub const RESOLVE: Duration = s(1);
/// `haproxy -c` and `haproxy -vv`, also where the files are on a network.
pub const CONFIG_TEST: Duration = s(8);

/// A reload or its rehearsal: a worker with thousands of certificates or names takes minutes to load.
pub const RELOAD: Duration = s(300);
/// The start of a HAProxy, for the same reason.
pub const START: Duration = s(300);
/// After the master's start-up log ends without "Loading success" (`quiet`), it is asked all the same.
pub const SILENT_START: Duration = s(1);
/// A master that reloads executes itself again and accepts nothing until it has read its files.
pub const MASTER_REEXEC: Duration = ms(500);
/// After main process and worker run, all sockets answer within this.
pub const SOCKETS: Duration = s(5);
/// A master ends its workers and itself at SIGTERM at once; one that is busy takes longer, one that is stopped never ends.
pub const STOP: Duration = s(10);
/// A worker ends within this after its master.
pub const WORKER_STOP: Duration = s(1);
/// systemd or Docker starts a service again by itself within this.
pub const AUTO_RESTART: Duration = s(30);
/// A service without automatic restart counts as down after this: systemd passes that state between two attempts.
pub const STAY_DOWN: Duration = s(2);
/// `systemctl daemon-reload`, which takes seconds on a host with thousands of units.
pub const DAEMON_RELOAD: Duration = s(90);
/// Putting runtime state back into a new worker.
pub const REPLAY: Duration = s(30);
/// Health checks of a new worker have a first result within this.
pub const FIRST_HEALTH_CHECKS: Duration = s(5);
/// A new worker is watched at least this long after it took over: one that ends soon after its start is no success.
pub const WATCH_NEW_WORKER: Duration = s(2);
/// A rollback waits this long for the lock that another run holds.
pub const ROLLBACK_LOCK: Duration = s(600);
/// A rollback waits this long for a configuration file that another run writes, which takes as long as its test.
pub const CONFIG_LOCK: Duration = s(60);
/// A rollback waits this long until everything about the HAProxy can be seen.
pub const ROLLBACK_GATHER: Duration = s(60);

/// A child process of haguard's own program answers one line within this.
pub const HELPER_REPLY: Duration = s(30);
/// Output that a program wrote before its end is read within this.
pub const OUTPUT_DRAIN: Duration = s(1);
/// The processes of a sandbox end within this after its pipe is closed.
pub const SANDBOX_STOP: Duration = s(2);
/// A signal that is pending longer than this is blocked, not in delivery.
pub const SIGNAL_DELIVERY: Duration = ms(100);

/// Between two looks at a process that starts, reloads or takes its listeners back.
pub const POLL: Duration = ms(15);
/// Between two attempts to connect to a runtime socket.
pub const CONNECT_RETRY: Duration = ms(10);
/// Between two looks at a rehearsed master, which costs the HAProxy that runs nothing.
pub const REHEARSAL_POLL: Duration = ms(2);
/// Between two samples of the listeners that are watched for downtime.
pub const LISTENER_SAMPLE: Duration = ms(3);
/// Between two looks at the health of servers.
pub const HEALTH_POLL: Duration = ms(50);
/// Between two attempts of a rollback.
pub const ROLLBACK_POLL: Duration = ms(100);
/// Between two looks of `check --wait`.
pub const CHECK_POLL: Duration = ms(500);
