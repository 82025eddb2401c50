//! Ignored findings: shown, recorded, and never those that identify the process and its controller.

use super::{break_config, check, start};
use crate::support::configs;
use crate::support::document::{finding, level};
use crate::support::haguard::Haguard;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;

const TEST: &str = "config.test-same-argv";

#[test]
fn an_ignored_failure_is_shown_with_its_reason_and_written_into_the_journal() {
    requires!(Haproxy(Branch::V30));
    let mut haproxy = start(Branch::V30);
    break_config(&mut haproxy);
    let haguard = Haguard::new();
    assert_eq!(check(&haguard, &haproxy, &[TEST]).status, 3);
    let ignored = [TEST, "--ignore", TEST, "--reason", "INC-7, mended at noon"];
    let said = check(&haguard, &haproxy, &ignored);
    assert_eq!(said.status, 0, "{said}");
    let flat = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(&format!("! ignored {TEST}")), "{said}");
    assert!(flat.contains("ignored by flag --ignore: INC-7, mended at noon"), "{said}");
    assert!(flat.contains("1 warning (1 ignored)"), "{said}");
    let document = check(&haguard, &haproxy, &[&ignored[..], &["-o", "json"]].concat()).json();
    let found = finding(&document, TEST);
    assert_eq!(
        (&found["level"], &document["verdict"]["ignored"]),
        (&"warn".into(), &1.into()),
        "{document:#}"
    );
    assert_eq!(found["ignored_by"], "flag --ignore: INC-7, mended at noon");
    let nagios = check(&haguard, &haproxy, &[&ignored[..], &["-o", "nagios"]].concat());
    assert!(nagios.status == 0 && nagios.stdout.contains("ignored by flag"), "{nagios}");
    for (format, words) in [("github", "::notice title="), ("junit", "ignored by flag --ignore: INC-7")] {
        let said = check(&haguard, &haproxy, &[&ignored[..], &["-o", format]].concat());
        assert!(said.status == 0 && said.stdout.contains(words), "{said}");
    }
    let journal = std::fs::read_to_string(haguard.home().join("state/journal.jsonl")).unwrap();
    assert!(journal.lines().count() == 5 && journal.contains("INC-7, mended at noon"), "{journal}");
}

#[test]
fn what_may_not_be_ignored_and_what_is_not_known_is_a_usage_error() {
    let haguard = Haguard::new();
    let run = |args: &[&str]| {
        let said = haguard.run(["check"].iter().chain(args));
        assert_eq!(said.status, 2, "{args:?}: {said}");
        said.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let said = run(&["--ignore", "arch.identity", "--reason", "x"]);
    assert!(said.contains("arch.identity cannot be ignored: it says which process is the target"), "{said}");
    let said = run(&["--ignore", "config.rehersal", "--reason", "x"]);
    assert!(said.contains("did you mean `config.rehearsal`?"), "{said}");
    let said = run(&["--ignore", "reload.settled", "--reason", "x"]);
    assert!(said.contains("the operation itself depends on it"), "{said}");
    assert!(run(&["--ignore", "config.rehearsal"]).contains("--reason"));
    assert!(run(&["--reason", "x"]).contains("--ignore"));
    assert!(run(&["--ignore", "config.rehearsal", "--reason", " "]).contains("a reason is needed"));
    let said = run(&["--for", "restart", "--ignore", TEST, "--reason", "x"]);
    assert!(said.contains("does not accept --ignore"), "{said}");
    let config = haguard.config("[[ignore]]\ncheck = 'arch.sockets'\nreason = 'x'\n");
    let said = run(&["--config", config.to_str().unwrap()]);
    assert!(said.contains("arch.sockets cannot be ignored") && said.contains("haguard.toml"), "{said}");
}

#[test]
fn a_changing_command_heeds_the_configuration_alone_and_shows_it_in_the_plan() {
    requires!(Haproxy(Branch::V30));
    let mut haproxy = start(Branch::V30);
    // HAProxy's own test says no, for a reason that somebody knows: the address is on another host.
    let text = haproxy.config() + configs::FAR;
    haproxy.write_config(&text);
    let haguard = Haguard::new();
    let socket = haproxy.master_socket().unwrap().to_str().unwrap().to_owned();
    let plan = |config: &[&str]| {
        let args = ["reload", "--plan", "-o", "json", "--master-socket", &socket];
        haguard.run(args.iter().chain(config)).json()
    };
    let before = plan(&[]);
    assert_eq!((level(&before, "config.new-binds-free"), &before["exit"]), ("fail", &3.into()), "{before:#}");
    let text = "[[ignore]]\ncheck = 'config.new-binds-free'\nreason = 'the address moves here at noon'\n";
    let config = haguard.config(text);
    let after = plan(&["--config", config.to_str().unwrap()]);
    let found = finding(&after, "config.new-binds-free");
    assert_eq!((&found["level"], &after["exit"]), (&"warn".into(), &0.into()), "{after:#}");
    assert!(found["ignored_by"].as_str().unwrap().ends_with("the address moves here at noon"), "{found}");
    let config = haguard.config(&(text.to_owned() + "until = 2001-01-01\n"));
    let over = plan(&["--config", config.to_str().unwrap()]);
    assert_eq!(level(&over, "config.new-binds-free"), "fail", "its last day is over");
    let said = finding(&over, "config.new-binds-free")["evidence"].to_string();
    assert!(said.contains("until 2001-01-01"), "{said}");
}

#[test]
fn an_emergency_restart_heeds_no_ignored_finding_and_its_checks_say_the_same() {
    requires!(Haproxy(Branch::V30));
    let mut haproxy = start(Branch::V30);
    break_config(&mut haproxy);
    let haguard = Haguard::new();
    let text = format!("[[ignore]]\ncheck = '{TEST}'\nreason = 'INC-7, mended at noon'\n");
    let config = haguard.config(&text).display().to_string();
    let found = |more: &[&str]| {
        let args = [&["--config", &config, "-o", "json"], more].concat();
        level(&check(&haguard, &haproxy, &args).json(), TEST).to_owned()
    };
    assert_eq!(found(&[]), "warn");
    assert_eq!(found(&["--for", "restart"]), "fail");
}

#[test]
fn inspect_shows_what_the_configuration_ignores_as_ignored() {
    requires!(Haproxy(Branch::V30));
    let mut haproxy = start(Branch::V30);
    break_config(&mut haproxy);
    let haguard = Haguard::new();
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    let config = haguard.config(&format!("[[ignore]]\ncheck = '{TEST}'\nreason = 'INC-7'\n"));
    let run = |more: &[&str]| haguard.run(["inspect", "--master-socket", socket].iter().chain(more));
    assert_eq!(level(&run(&["-o", "json", "--config", "/dev/null"]).json(), TEST), "fail");
    let document = run(&["-o", "json", "--config", config.to_str().unwrap()]).json();
    let found = finding(&document, TEST);
    assert_eq!(found["level"], "warn", "{found}");
    assert!(found["ignored_by"].as_str().unwrap().ends_with("INC-7"), "{found}");
    let said = run(&["--config", config.to_str().unwrap()]);
    assert!(said.stdout.contains(&format!("! ignored {TEST}")) && said.stdout.contains("INC-7"), "{said}");
}
