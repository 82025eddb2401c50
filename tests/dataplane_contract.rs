//! One contract for the stand-in and the real Data Plane API: the same assertions, in both ways of reloading.
//!
//! Each situation is one that haguard meets in the field. Where the real server is absent, the last line says so.
#![expect(clippy::unwrap_used, reason = "a contract's chapters are functions beside their test")]

mod bench;

use std::panic::{AssertUnwindSafe, catch_unwind};

use haguard::facts::Known;
use haguard::facts::dataplane::{
    ConfigFileSource, DataPlaneArguments, ReloadStatus, TransactionStatus, find_config_file, parse_arguments,
};
use haguard::gather::dataplane::query_api;
use haguard::wire::dataplane::{expected_md5, last_known_good_path, parse_config, parse_header};

use self::bench::Bench;
use crate::support::dataplane::{CONFIG, DataPlaneServer, HAPROXY, Mode, PASSWORD, RAW, TRANSACTIONS};
use crate::support::haproxy::{Branch, Instance};
use crate::support::origin::Origin;
use crate::support::requires::requires;
use crate::support::skip::say;
use crate::support::wait::wait_for;

#[test]
fn one_contract_holds_for_the_stand_in_and_the_real_server() {
    requires!(Haproxy(Branch::V30));
    let mut targets = vec![(ServerKind::Fake, Mode::MasterSocket), (ServerKind::Fake, Mode::ReloadCommand)];
    if DataPlaneServer::installed().is_some() {
        targets.extend([(ServerKind::Real, Mode::MasterSocket), (ServerKind::Real, Mode::ReloadCommand)]);
    }
    let results = std::thread::scope(|scope| {
        let threads = targets
            .into_iter()
            .map(|target| scope.spawn(move || hold_to_the_contract(target.0, target.1)))
            .collect::<Vec<_>>();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    results.iter().for_each(|(line, _)| say(line));
    if DataPlaneServer::installed().is_none() {
        say("real dataplaneapi: not found, contract ran against the stand-in only");
    }
    assert!(results.iter().all(|(_, failed)| !failed), "see the lines above");
}

#[derive(Debug, Clone, Copy)]
enum ServerKind {
    Fake,
    Real,
}

/// The line that sums it up, and whether an assertion failed.
fn hold_to_the_contract(kind: ServerKind, mode: Mode) -> (String, bool) {
    let haproxy = Instance::builder(Branch::V30).whole_config(CONFIG).start();
    let (name, server) = match kind {
        ServerKind::Fake => ("the stand-in", DataPlaneServer::fake(&haproxy, mode)),
        ServerKind::Real => ("the real dataplaneapi", DataPlaneServer::real(&haproxy, mode).unwrap()),
    };
    let text = haproxy.config();
    let mut bench = Bench { haproxy: &haproxy, server: &server, mode, text, held: 0 };
    let failed = catch_unwind(AssertUnwindSafe(|| contract(&mut bench))).is_err();
    let verdict = if failed { "then one FAILED" } else { "all of them" };
    (format!("contract: {} assertions held against {name} ({mode:?}), {verdict}", bench.held), failed)
}

fn contract(bench: &mut Bench<'_>) {
    a_file_that_it_never_wrote(bench);
    who_may_ask_and_what_there_is(bench);
    refusals_change_nothing(bench);
    transactions_are_opened_listed_and_deleted(bench);
    a_write_is_scheduled_listed_and_carried_out(bench);
    the_ways_to_write(bench);
    an_edit_by_hand_becomes_a_version(bench);
    match bench.mode {
        Mode::MasterSocket => a_failed_reload_poisons_the_memory(bench),
        Mode::ReloadCommand => a_reload_command_that_lies(bench),
    }
    a_write_while_it_was_away(bench);
}

fn a_file_that_it_never_wrote(bench: &mut Bench<'_>) {
    let facts = bench.facts();
    bench.holds(facts.api_version.seen().is_some(), &facts);
    bench.same(facts.memory_version.clone(), Known::Seen(1));
    bench.same(facts.disk_version.clone(), Known::Seen(None));
    bench.same(facts.md5_recorded.clone(), Known::Seen(None));
    bench.same(facts.config_text_differs(&bench.text), Known::Seen(false));
    bench.same(facts.pending_reloads.clone(), Known::Seen(vec![]));
    bench.same(facts.failed_reloads.clone(), Known::Seen(vec![]));
    bench.same(facts.open_transactions.clone(), Known::Seen(vec![]));
    bench.same(facts.version_mismatch(), Known::Seen(None));
    bench.same(facts.hand_edited(), Known::Seen(None));
    bench.same(facts.runtime_pid.clone(), Known::Seen(Some(bench.haproxy.worker_pid())));
    bench.same(bench.server.call("GET", &format!("{HAPROXY}/configuration/version"), "").body, "1\n".into());
    bench.same(bench.file(), bench.text.clone());
    let good = last_known_good_path(bench.haproxy.config_path(), Some(&bench.server.backups()));
    bench.same(std::fs::read_to_string(good).ok(), Some(bench.text.clone()));

    let candidates =
        [(bench.haproxy.config_path().to_path_buf(), bench.file()), ("/else".into(), "global\n".into())];
    let file = find_config_file(None, None, &facts.config_text, &candidates);
    bench.same(
        file.seen().map(|file| (file.path.clone(), file.learnt)),
        Some((candidates[0].0.clone(), ConfigFileSource::SameText)),
    );
}

fn who_may_ask_and_what_there_is(bench: &mut Bench<'_>) {
    for authorization in [None, Some("Basic YWRtaW46d3Jvbmc=")] {
        let answer = bench.server.call_as(authorization, "GET", RAW, "");
        bench.refused(&answer, 401, "");
        bench.holds(
            answer.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")),
            &answer,
        );
    }
    for path in ["/v3/nope", "/v2/info", "/"] {
        bench.refused(&bench.server.call("GET", path, ""), 404, path);
    }
    bench.refused(&bench.server.call("GET", &format!("{TRANSACTIONS}/nope"), ""), 404, "does not exist");
    bench.refused(&bench.server.call("DELETE", &format!("{TRANSACTIONS}/nope"), ""), 404, "does not exist");
    bench.refused(
        &bench.server.call("GET", &format!("{HAPROXY}/reloads/2020-01-01-7"), ""),
        404,
        "does not exist",
    );
}

fn refusals_change_nothing(bench: &mut Bench<'_>) {
    let text = bench.text.clone();
    let wrong = bench.post("version=99", &text);
    bench.refused(&wrong, 409, "version mismatch: version in configuration file is 1, given version is 99");
    bench.refused(&bench.post("", &text), 400, "version or transaction not specified");
    bench.refused(&bench.post("version=1", "one line"), 400, "no newline");
    let broken = format!("{text}\nbackend broken\n  no_such_keyword\n");
    let answer = bench.post("version=1", &broken);
    bench.refused(&answer, 400, "validation error: exit status 1: ");
    bench.refused(&answer, 400, "unknown keyword 'no_such_keyword' in 'backend' section");
    bench.refused(&bench.post("only_validate=true", &broken), 400, "unknown keyword 'no_such_keyword'");
    bench.same(bench.post("only_validate=true", &text).status, 202);
    bench.same(bench.version(), 1);
    bench.same(bench.file(), text);

    let failed = bench.server.client().transactions().unwrap();
    bench.same(
        failed.iter().map(|one| (one.status, one.version)).collect(),
        vec![(TransactionStatus::Failed, None)],
    );
    bench.same(bench.facts().open_transactions, Known::Seen(vec![]));
    let path = format!("{TRANSACTIONS}/{}", failed[0].id);
    bench.same(bench.server.call("DELETE", &path, "").status, 204);
    bench.same(bench.server.client().transactions().unwrap(), vec![]);
}

fn transactions_are_opened_listed_and_deleted(bench: &mut Bench<'_>) {
    bench.refused(
        &bench.server.call("POST", &format!("{TRANSACTIONS}?version=99"), ""),
        409,
        "version mismatch: ",
    );
    let unversioned = bench.server.call("POST", TRANSACTIONS, "");
    // 3.4 refuses it in other words than 3.2 and the stand-in.
    let (status, words) = match bench.is_before_v34() {
        true => (422, "version in query is required"),
        false => (400, "Query argument version is required, but not found"),
    };
    bench.refused(&unversioned, status, words);
    let opened = bench.server.call("POST", &format!("{TRANSACTIONS}?version=1"), "");
    bench.same(opened.status, 201);
    let list = bench.facts().open_transactions.seen().cloned().unwrap();
    bench.same((list.len(), list[0].version, list[0].status), (1, Some(1), TransactionStatus::InProgress));
    bench.holds(opened.body.contains(&list[0].id), &opened);
    let path = format!("{TRANSACTIONS}/{}", list[0].id);
    bench.same(bench.server.call("GET", &path, "").status, 200);
    let deleted = bench.server.call("DELETE", &path, "");
    bench.same((deleted.status, deleted.body.as_str()), (204, ""));
    bench.same(bench.facts().open_transactions, Known::Seen(vec![]));
    bench.same(bench.file(), bench.text.clone());
}

fn a_write_is_scheduled_listed_and_carried_out(bench: &mut Bench<'_>) {
    // the next beat of the server's clock may come between the two calls; then the write is made once more
    let (answer, worker) = wait_for("a pending reload is seen", || {
        let worker = bench.haproxy.worker_pid();
        let answer = bench.post(&format!("version={}", bench.version()), &bench.text);
        let listed = bench.facts().pending_reloads.seen().cloned().unwrap();
        let pending = listed.iter().any(|reload| Some(reload.id.as_str()) == answer.header("reload-id"));
        if !pending {
            bench.ended(&answer);
            bench.wait_new_worker(worker);
        }
        pending.then_some((answer, worker))
    });
    bench.same(answer.status, 202);
    let version = bench.version();
    bench.same(answer.header("configuration-version"), Some(version.to_string().as_str()));
    let file = bench.file();
    bench.same(answer.body.clone(), file.clone());
    bench.same(parse_header(file.as_bytes()).version, Some(version));
    bench.same(parse_header(file.as_bytes()).md5, Some(expected_md5(file.as_bytes())));
    bench.same(answer.header("configuration-checksum"), Some(expected_md5(file.as_bytes()).as_str()));
    bench.same(file.split_once("\n\n").map(|(_, rest)| rest.to_owned()), Some(bench.text.clone()));
    let raw = bench.server.client().raw_configuration().unwrap();
    bench.same((raw.memory_version, raw.body), (Some(version), file.into_bytes()));

    let reload = bench.ended(&answer);
    bench.same(reload.status, ReloadStatus::Succeeded);
    bench.same(
        reload.response.is_some_and(|log| log.contains("Loading success")),
        bench.mode == Mode::MasterSocket,
    );
    bench.wait_new_worker(worker);
    let facts = bench.facts();
    bench.same(facts.pending_reloads.clone(), Known::Seen(vec![]));
    bench.same((facts.version_mismatch(), facts.hand_edited()), (Known::Seen(None), Known::Seen(None)));
    bench.same(facts.runtime_pid, Known::Seen(Some(bench.haproxy.worker_pid())));
}

fn the_ways_to_write(bench: &mut Bench<'_>) {
    let (text, version, worker) = (bench.text.clone(), bench.version(), bench.haproxy.worker_pid());
    let skipped = bench.post(&format!("version={version}&skip_reload=true"), &text);
    bench.same((skipped.status, skipped.header("reload-id")), (201, None));
    bench.same((bench.version(), bench.haproxy.worker_pid()), (version + 1, worker));
    let forced = bench.post(&format!("version={}&force_reload=true", version + 1), &text);
    bench.same((forced.status, forced.header("reload-id")), (201, None));
    bench.wait_new_worker(worker);
    bench.same(bench.version(), version + 2);
    let brought = format!("# _version=41\n{text}");
    bench.same(bench.post("skip_version=true&skip_reload=true", &brought).status, 201);
    bench.same(bench.version(), 41);
    bench.same(bench.post("skip_version=true&skip_reload=true", &text).status, 201);
    bench.same(bench.version(), 1);
    bench.same(parse_header(bench.file().as_bytes()).version, Some(1));
}

fn an_edit_by_hand_becomes_a_version(bench: &mut Bench<'_>) {
    let (version, worker) = (bench.version(), bench.haproxy.worker_pid());
    let edited = bench.file().replace("maxconn 200", "maxconn 201");
    bench.replace_file(&edited);
    wait_for("the edit is noticed", || (bench.version() == version + 1).then_some(()));
    wait_for("the edit is written back", || bench.facts().hand_edited().seen()?.is_none().then_some(()));
    bench.holds(bench.file().contains("maxconn 201"), bench.file());
    bench.same(parse_header(bench.file().as_bytes()).version, Some(version + 1));
    bench.same(bench.haproxy.worker_pid(), worker);
}

fn a_failed_reload_poisons_the_memory(bench: &mut Bench<'_>) {
    let taken = Origin::start();
    let more = format!("\nfrontend more from unnamed_defaults_1\n  bind 127.0.0.1:{}\n", taken.port);
    let broken = format!("{}{more}", bench.text);
    let good = bench.post(&format!("version={}&force_reload=true", bench.version()), &bench.text);
    bench.same(good.status, 201);
    for forced in [false, true] {
        let (version, file, worker) = (bench.version(), bench.file(), bench.haproxy.worker_pid());
        let answer = bench.post(&format!("version={version}&force_reload={forced}"), &broken);
        if forced {
            bench.refused(&answer, 400, "Reload failed: failed to reload configuration, ");
            bench.refused(&answer, 400, "in use");
        } else {
            bench.same(answer.status, 202);
            bench.same(bench.ended(&answer).status, ReloadStatus::Failed);
            let failed = bench.facts().failed_reloads.seen().cloned().unwrap();
            bench.holds(
                failed
                    .iter()
                    .any(|reload| reload.response.as_ref().is_some_and(|log| log.contains("in use"))),
                failed,
            );
        }
        bench.same(bench.haproxy.worker_pid(), worker);
        bench.same(bench.file(), file);
        let facts = bench.facts();
        let poisoned = facts.version_mismatch().seen().copied().flatten();
        bench.same(poisoned.map(|poisoned| (poisoned.memory, poisoned.disk)), Some((version + 1, version)));
        bench.same(facts.hand_edited(), Known::Seen(None));
        bench.server.reread();
        wait_for("the file is read again", || {
            bench.facts().version_mismatch().seen()?.is_none().then_some(())
        });
        bench.same(bench.version(), version);
    }
}

fn a_reload_command_that_lies(bench: &mut Bench<'_>) {
    let taken = Origin::start();
    let more = format!("\nfrontend more from unnamed_defaults_1\n  bind 127.0.0.1:{}\n", taken.port);
    let broken = format!("{}{more}", bench.text);
    let (version, worker) = (bench.version(), bench.haproxy.worker_pid());
    bench.same(bench.failed_reloads(), "0".into());
    let answer = bench.post(&format!("version={version}"), &broken);
    bench.same(answer.status, 202);
    bench.same(bench.ended(&answer).status, ReloadStatus::Succeeded);
    wait_for("HAProxy says that the reload failed", || (bench.failed_reloads() == "1").then_some(()));
    bench.same(bench.haproxy.worker_pid(), worker);
    // nothing in the API tells: a guard must ask HAProxy
    let facts = bench.facts();
    bench.same((facts.version_mismatch(), facts.failed_reloads), (Known::Seen(None), Known::Seen(vec![])));
    bench.holds(bench.file().contains("frontend more"), bench.file());
    let good = last_known_good_path(bench.haproxy.config_path(), Some(&bench.server.backups()));
    bench.holds(std::fs::read_to_string(&good).unwrap().contains("frontend more"), good);
}

/// The server is told to read a file that changed under a fitting hash: as a failed reload leaves it.
fn a_write_while_it_was_away(bench: &mut Bench<'_>) {
    let body = format!("# _version=77\n\n{}", bench.text);
    let whole = format!("# _md5hash={}\n{body}", expected_md5(body.as_bytes()));
    let version = bench.version();
    bench.replace_file(&whole);
    let poisoned = bench.facts().version_mismatch().seen().copied().flatten();
    bench.same(poisoned.map(|poisoned| (poisoned.memory, poisoned.disk)), Some((version, 77)));
    bench.server.reread();
    wait_for("the file is read again", || (bench.version() == 77).then_some(()));
    bench.same(bench.facts().version_mismatch(), Known::Seen(None));
}

#[test]
fn the_file_that_a_real_server_writes_is_learnt_from_its_process() {
    requires!(Haproxy(Branch::V28));
    let haproxy = Instance::builder(Branch::V28).whole_config(CONFIG).start();
    let Some(server) = DataPlaneServer::real(&haproxy, Mode::MasterSocket) else {
        return say("real dataplaneapi: not found, its process was not looked at");
    };
    let cmdline = std::fs::read_to_string(format!("/proc/{}/cmdline", server.pid().unwrap())).unwrap();
    let argv = parse_arguments(&cmdline.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>());
    let DataPlaneArguments { config_file: None, settings_file: Some(yml) } = &argv else {
        panic!("{argv:?}")
    };
    let settings = parse_config(&std::fs::read_to_string(yml).unwrap());
    assert_eq!(settings.master_runtime.as_deref(), haproxy.master_socket());
    assert_eq!((settings.master_worker_mode, settings.reload_delay), (true, Some(1)));
    let facts = query_api(&server.client());
    let file = find_config_file(Some(&argv), Some(&settings), &facts.config_text, &[]);
    assert_eq!(file.seen().unwrap().path, haproxy.config_path());
    let look = |path: &std::path::Path| Known::Seen(std::fs::read_to_string(path).unwrap());
    let facts = facts.with_config_file(file, &settings, look);
    let good = facts.last_known_good.seen().unwrap();
    assert_eq!(
        (good.path.as_path(), good.differs),
        (server.backups().join("haproxy.cfg.lkg").as_path(), false)
    );
    assert!(!server.target(PASSWORD).url.is_empty());
}
