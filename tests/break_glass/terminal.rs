//! Somebody who is asked on a terminal, and takes their time.

use std::net::TcpListener;

use super::{BREAK_GLASS, Bench, host, unwrapped};
use crate::support::configs;
use crate::support::copied;
use crate::support::haguard::RunOutput;
use crate::support::haproxy::Branch;
use crate::support::process::alive;
use crate::support::requires::requires;
use crate::support::terminal;

fn asked(bench: &Bench, meanwhile: impl FnOnce(), keys: &str) -> RunOutput {
    let words = bench.arguments(&["--break-glass", &host(), "--reason", "INC-7"]).join(" ");
    let line = format!("{} {words}", copied::haguard());
    terminal::run_on_terminal(&bench.haguard, &line, meanwhile, keys)
}

#[test]
fn on_a_terminal_yes_is_consent_and_no_and_enter_are_not() {
    requires!(Root, Program("script"), Haproxy(Branch::V30));
    let bench = BREAK_GLASS.start(Branch::V30);
    let (main, worker) = (bench.haproxy.master_pid(), bench.haproxy.worker_pid());
    for (keys, status) in [("n\r", 3), ("\r", 3), ("\u{3}", 130)] {
        let said = asked(&bench, || (), keys);
        assert_eq!(said.status, status, "{keys:?}: {said}");
        let text = unwrapped(&said.stdout);
        assert!(text.contains("what would be done") && text.contains("Apply plan "), "{said}");
        assert!(text.contains("nothing was changed."), "{said}");
        assert!(alive(main) && alive(worker), "{said}");
    }
    let said = asked(&bench, || (), "y\r");
    assert_eq!(said.status, 0, "{said}");
    assert!(!alive(main) && !alive(worker), "{said}");
}

#[test]
fn what_would_not_come_up_any_more_after_the_question_is_not_ended() {
    requires!(Root, Program("script"), Haproxy(Branch::V30));
    let mut bench = BREAK_GLASS.start(Branch::V30);
    let free = crate::support::ports::free();
    let more = configs::more_of_app(format!("127.0.0.1:{}", free.number));
    let text = format!("{}\n{more}", bench.haproxy.config());
    bench.haproxy.write_config(&text);
    let mut stranger = None;
    let taken = || stranger = Some(TcpListener::bind(("127.0.0.1", free.number)).unwrap());
    let said = asked(&bench, taken, "y\r");
    assert_eq!(said.status, 3, "{said}");
    let text = unwrapped(&said.stdout);
    assert!(text.contains("a check says no") && text.contains("restart.binds-free"), "{said}");
    assert!(alive(bench.haproxy.master_pid()) && alive(bench.haproxy.worker_pid()), "{said}");
}
