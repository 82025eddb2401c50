//! The file of a pending confirmation: who decides, and what stays.

use super::*;
use std::os::unix::fs::MetadataExt;

fn sample(state: &Path) -> PendingConfirmation {
    let me = std::process::id();
    PendingConfirmation {
        id: "0123456789".into(),
        target: "HAProxy (master 1)".into(),
        main_pid: 1,
        main_start: Some(7),
        sockets: [None, None],
        command: vec![],
        who: InvokingUser::default(),
        begun: time::now(),
        within_ms: 1000,
        ordered: None,
        until: None,
        copy: save_config_copy(state, "0123456789", &[("/etc/a.cfg".into(), b"global\n".to_vec())]).unwrap(),
        source: "the files".into(),
        watcher: (me, linux::process(me).unwrap().start_ticks),
        state: ConfirmationState::Waiting,
    }
}

#[test]
fn whoever_decides_first_has_decided() {
    let dir = tempfile::tempdir().unwrap();
    let pending = sample(dir.path());
    create(dir.path(), &pending).unwrap();
    assert!(create(dir.path(), &pending).is_err(), "it is watched");
    let decide = |state: ConfirmationState| {
        let changed = update(dir.path(), &pending.id, |now| {
            let open = now.state == ConfirmationState::Waiting;
            now.state = state;
            open
        });
        changed.unwrap().unwrap().state
    };
    let confirmed = ConfirmationState::Confirmed { at: time::now(), by: "alice".into() };
    assert_eq!(decide(confirmed.clone()), confirmed);
    assert_eq!(decide(ConfirmationState::RollingBack { since: time::now() }), confirmed);
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(dir.path().join(file_path(&pending.id))), mode(pending.copy.join("0"))), (0o600, 0o600));
}

#[test]
fn one_is_open_for_its_haproxy_only_and_only_while_it_is_watched() {
    let dir = tempfile::tempdir().unwrap();
    let mut pending = sample(dir.path());
    create(dir.path(), &pending).unwrap();
    assert_eq!(find_open_for_process(dir.path(), 1, Some(7)), Some(pending.clone()));
    assert_eq!(find_open_for_process(dir.path(), 1, Some(8)), None, "another process under the same number");
    pending.watcher.1 = Some(0);
    write(&Store::new(dir.path()), &pending).unwrap();
    assert_eq!(find_open_for_process(dir.path(), 1, Some(7)), None, "its watcher is gone");
    assert_eq!(find(dir.path(), "../x").unwrap(), None, "a path is no id");
}

#[test]
fn decided_ones_are_given_up_with_their_copies_and_open_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let open = sample(dir.path());
    create(dir.path(), &open).unwrap();
    for number in 0..RETENTION.most + 5 {
        let id = format!("{number:010}");
        let copy = save_config_copy(dir.path(), &id, &[]).unwrap();
        let void = ConfirmationState::NotNeeded { at: time::now(), why: "x".into() };
        let pending = PendingConfirmation { id, copy, state: void, begun: time::now(), ..sample(dir.path()) };
        create(dir.path(), &pending).unwrap();
    }
    assert!(all(dir.path()).len() <= RETENTION.most + 1);
    assert!(!folder(dir.path()).join("0000000000.files").exists());
    assert_eq!(find(dir.path(), &open.id).unwrap(), Some(open.clone()));
    assert!(open.copy.is_dir());
}

#[test]
fn a_reload_is_ordered_and_timed_only_while_its_timer_runs_and_nothing_is_decided() {
    let dir = tempfile::tempdir().unwrap();
    let (state, mut pending) = (dir.path(), sample(dir.path()));
    let id = pending.id.clone();
    assert!(mark_ordered(state, &id).unwrap_err().to_string().contains("its file was removed"));
    create(state, &pending).unwrap();
    mark_ordered(state, &id).unwrap();
    let until = start_timer(state, &id, Duration::from_secs(60)).unwrap();
    let now = find(state, &id).unwrap().unwrap();
    assert!(now.ordered.is_some() && now.until == Some(until));
    close_without_confirmation(state, &id, "it failed", true).unwrap();
    let error = start_timer(state, &id, Duration::from_secs(60)).unwrap_err().to_string();
    assert!(error.contains("it is decided already"), "{error}");
    // The first decision stays, and is recorded once.
    close_without_confirmation(state, &id, "another reason", true).unwrap();
    let closed = find(state, &id).unwrap().unwrap();
    assert!(matches!(&closed.state, ConfirmationState::NotNeeded { why, .. } if why == "it failed"));
    let (recorded, _) = journal::read(state, 9).unwrap();
    assert_eq!(recorded.len(), 1);
    assert!(recorded[0].summary.contains("nothing to confirm: it failed") && !pending.copy.exists());
    pending.watcher.1 = Some(0);
    write(&Store::new(state), &pending).unwrap();
    let error = mark_ordered(state, &id).unwrap_err().to_string();
    assert!(error.contains("its rollback timer (PID "), "{error}");
}

#[test]
fn a_file_that_was_cut_short_is_an_error_and_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let pending = sample(dir.path());
    create(dir.path(), &pending).unwrap();
    std::fs::write(folder(dir.path()).join("ab.json"), "{\"id\":\"ab").unwrap();
    let said = format!("{:#}", find(dir.path(), "ab").unwrap_err());
    assert!(said.contains("confirm/ab.json"), "{said}");
    assert_eq!(all(dir.path()), [pending]);
}

#[test]
fn a_file_of_an_earlier_version_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let pending = sample(dir.path());
    create(dir.path(), &pending).unwrap();
    let text = std::fs::read_to_string(dir.path().join(file_path(&pending.id))).unwrap();
    assert!(!text.contains("ordered"), "{text}");
    assert_eq!(find(dir.path(), &pending.id).unwrap(), Some(pending));
}
