//! What to do instead of a restart, and how a restart is done by hand, with the names of this host filled in.
//!
//! - `restart_commands`: restart commands of each controller
//! - `service`: how a service is restarted
//! - `step`: one step
//! - `stopped_unit`: a unit that does not run

pub mod restart_commands;
pub mod service;
pub mod step;
pub mod stopped_unit;

use crate::facts::instance::HaproxyArgs;
use crate::facts::{Facts, GuardFacts, GuardStatus, Instance, Known, Mode};
use restart_commands::manager_restart;
pub use step::{RunbookStep, shell_quote};

/// Safe alternatives to a restart, most useful first.
pub fn safe_alternatives(facts: &Facts) -> Vec<RunbookStep> {
    let Known::Seen(instance) = &facts.instance else {
        return discovery_steps(facts);
    };
    let mut list = Vec::new();
    if facts.uid != 0 && !facts.live.unknown_parts().is_empty() {
        list.push(RunbookStep::new(
            "run again as root, which can see every process and socket:",
            "sudo haguard restart",
        ));
    }
    list.push(RunbookStep::new(
        "see each object that a reload or a restart would lose:",
        with_instance_option("haguard inspect --losses", instance),
    ));
    if let Some(test) = config_test_command(facts, instance) {
        list.push(RunbookStep::new("test the files on disk as the master would read them:", test));
    }
    match instance.mode {
        Mode::MasterWorker => list.push(RunbookStep::new(
            "load a changed configuration or new libraries; keeps connections and state that was set at run time, shows a \
             plan first, and verifies the result:",
            with_instance_option("haguard reload --keep-runtime", instance),
        )),
        Mode::Standalone => list.push(RunbookStep::new("it has no master: a reload means to start a second process by hand", "")),
    }
    if let Some(Known::Seen(guard)) = &facts.guard
        && guard.status() == GuardStatus::NotInstalled
    {
        list.push(RunbookStep::new(
            "let systemd itself refuse manual restarts, whoever asks for them:",
            format!("haguard guard install {}", shell_quote(&guard.unit)),
        ));
    }
    list
}

/// Steps where no instance is known: run with more rights, then name what was found.
fn discovery_steps(facts: &Facts) -> Vec<RunbookStep> {
    let mut list = Vec::new();
    if facts.uid != 0 {
        list.push(RunbookStep::new(
            "run again as root, which can see every process and socket:",
            "sudo haguard inspect",
        ));
    }
    for candidate in facts.candidates.seen().into_iter().flatten() {
        if let Some(socket) = &candidate.master_socket {
            let when = format!("if PID {} is the one:", candidate.process.pid);
            list.push(RunbookStep::new(
                &when,
                format!("haguard restart --master-socket {}", shell_quote(socket)),
            ));
        }
    }
    list.push(RunbookStep::new(
        "list the sockets on which HAProxy listens, then name one:",
        "ss -lxp | grep haproxy",
    ));
    list
}

/// A restart by hand, in order: save, test, restart.
pub fn manual_restart(facts: &Facts) -> Vec<RunbookStep> {
    let Known::Seen(instance) = &facts.instance else {
        return Vec::new();
    };
    let mut list = Vec::new();
    if let Some(ask) = runtime_query(instance) {
        list.push(RunbookStep::new(
            "save a record of runtime-only state; nothing restores it automatically:",
            format!("{} >haproxy-before.txt", ask("show servers state; show map; show table")),
        ));
    }
    list.extend(
        config_test_command(facts, instance)
            .map(|test| RunbookStep::new("test the files; continue only if they are valid:", test)),
    );
    let (lift, put_back) = facts.guard.as_ref().and_then(Known::seen).and_then(guard_override_steps).unzip();
    list.extend(lift);
    list.push(restart_step(instance));
    list.extend(put_back);
    list
}

/// How a guard that refuses the restart is lifted and restored; a boot restores it too, as /run is empty then.
fn guard_override_steps(guard: &GuardFacts) -> Option<(RunbookStep, RunbookStep)> {
    let folder = shell_quote(&format!("/run/systemd/system/{}.d", guard.unit));
    let line = r"printf '[Unit]\nRefuseManualStop=no\n'";
    let lift = format!("mkdir -p {folder} && {line} >{folder}/99-lift.conf && systemctl daemon-reload");
    let put_back = format!("rm {folder}/99-lift.conf && systemctl daemon-reload");
    guard.effective().then(|| {
        let when = "the guard refuses a restart; lift it until the next boot:";
        (RunbookStep::new(when, lift), RunbookStep::new("restore the guard:", put_back))
    })
}

/// How to verify a reload by hand, where haguard could not or was interrupted.
pub fn manual_reload_checks(instance: &Instance) -> Vec<RunbookStep> {
    let mut list = Vec::new();
    if let Known::Seen(socket) = &instance.master_socket {
        let old =
            instance.serving.seen().map_or(String::new(), |pid| format!(", and a worker that is not {pid}"));
        let when = format!("after a successful reload this shows [failed: 0]{old}:");
        list.push(RunbookStep { when, command: socat_command("show proc", &socket.path) });
        list.push(RunbookStep::new(
            "HAProxy's own log of it (from 2.7 on):",
            socat_command("show startup-logs", &socket.path),
        ));
    }
    for socket in instance.admin_sockets.seen().into_iter().flatten().take(1) {
        list.push(RunbookStep::new(
            "the PID of the serving worker is after `Pid:` here:",
            socat_command("show info", &socket.path),
        ));
    }
    list.push(RunbookStep::new(
        "every listening port of HAProxy, with its process:",
        "ss -ltnp | grep haproxy",
    ));
    list
}

/// `command` with the option that names this HAProxy.
pub fn with_instance_option(command: &str, instance: &Instance) -> String {
    match (&instance.master_socket, instance.serving_admin_socket()) {
        (Known::Seen(socket), _) => format!("{command} --master-socket {}", shell_quote(&socket.path)),
        (_, Some(socket)) => format!("{command} --stats-socket {}", shell_quote(&socket.path)),
        (_, None) => command.to_owned(),
    }
}

fn config_test_command(facts: &Facts, instance: &Instance) -> Option<String> {
    let exe = instance.main.exe.seen()?;
    if facts.config.arguments.is_empty() {
        return None;
    }
    let mut words = vec![shell_quote(exe), "-c".to_owned()];
    let args = instance.main.haproxy_args();
    // Some sections are accepted only with a master.
    if args.master_worker {
        words.push("-W".to_owned());
    }
    words.extend(HaproxyArgs::with_files(&args.test_args, &args.files).iter().map(|word| shell_quote(word)));
    let relative = facts.config.arguments.iter().any(|file| !file.starts_with('/'));
    let folder = instance.main.cwd.seen().filter(|_| relative);
    let elsewhere = facts.namespaces.seen().is_some_and(|own| own.own.iter().any(|kind| kind == "mnt"));
    let place = match (elsewhere, folder) {
        // Its program and its files are in its own mount namespace, where there may be no shell.
        (true, folder) => {
            let folder = folder.map_or("", |_| " --wd");
            format!("nsenter --target {} --all{folder} ", instance.main.pid)
        }
        (false, Some(folder)) => format!("cd {} && ", shell_quote(folder)),
        (false, None) => String::new(),
    };
    Some(format!("{place}{}", words.join(" ")))
}

/// The controller restarts it. One that is ended by hand would be started again by its controller, beside the one
/// that is started by hand.
fn restart_step(instance: &Instance) -> RunbookStep {
    const THEN: &str = "then restart; every connection is cut";
    let Some(controller) = instance.control.controller() else {
        let why = instance.control.why().unwrap_or_default();
        let when =
            format!("then restart it through its controller, which has to be found out first ({why}):");
        return RunbookStep { when, command: "sudo haguard inspect".to_owned() };
    };
    let doubt = match instance.control.why() {
        Some(why) => format!("; only if it really is {}, which is not proven ({why})", controller.describe()),
        None => String::new(),
    };
    match manager_restart(controller) {
        Some(RunbookStep { when, command }) => {
            RunbookStep { when: format!("{THEN}{doubt}; {when}"), command }
        }
        None => {
            let argv: Vec<String> = start_arguments(instance).iter().map(|word| shell_quote(word)).collect();
            let pid = instance.main.pid;
            let command = format!("kill -TERM {pid}; tail --pid={pid} -f /dev/null; {}", argv.join(" "));
            RunbookStep { when: format!("{THEN}{doubt}:"), command }
        }
    }
}

/// The arguments of a first start: without those that a master adds when it executes itself again.
pub fn start_arguments(instance: &Instance) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = instance.main.argv.iter().peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-sf" | "-st" => while words.next_if(|next| next.parse::<u32>().is_ok()).is_some() {},
            "-x" => drop(words.next()),
            _ => kept.push(word.clone()),
        }
    }
    kept
}

/// How to query the serving worker: over an admin socket that it answers itself, else over the master's socket.
fn runtime_query(instance: &Instance) -> Option<impl Fn(&str) -> String> {
    let admin = instance.serving_admin_socket().map(|socket| socket.path.clone());
    let master = instance.master_socket.seen().map(|socket| socket.path.clone());
    let serving = instance.serving.seen().copied();
    let path = admin.clone().or(master)?;
    Some(move |commands: &str| match (&admin, serving) {
        (None, Some(pid)) => {
            let each: Vec<String> = commands.split("; ").map(|c| format!("@!{pid} {c}")).collect();
            socat_command(&each.join("; "), &path)
        }
        _ => socat_command(commands, &path),
    })
}

fn socat_command(command: &str, path: &str) -> String {
    format!("echo \"{command}\" | socat -t300 - UNIX-CONNECT:{}", shell_quote(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::controllers::{NomadTask, SystemdUnit};
    use crate::facts::{Controller, test_facts};

    fn commands(list: &[RunbookStep]) -> Vec<&str> {
        list.iter().map(|advice| advice.command.as_str()).collect()
    }

    #[test]
    fn a_quoted_word_reaches_the_program_unchanged() {
        assert_eq!(shell_quote("/etc/a.cfg"), "/etc/a.cfg");
        assert_eq!(shell_quote("it's  a"), r"'it'\''s  a'");
        assert_eq!(shell_quote("import x\nit's\t\\\u{1b}"), r"$'import x\nit\'s\t\\\u001b'");
    }

    #[test]
    fn a_reload_goes_through_haguard_and_a_restart_by_hand_through_systemd() {
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).control =
            test_facts::proven_control(Controller::Systemd(SystemdUnit { unit: "haproxy.service".into() }));
        let said = safe_alternatives(&facts);
        let said = commands(&said);
        assert!(said.contains(&"haguard reload --keep-runtime --master-socket /run/master.sock"), "{said:?}");
        assert_eq!(commands(&manual_restart(&facts)).last(), Some(&"systemctl restart haproxy.service"));
    }

    #[test]
    fn without_a_manager_the_first_command_line_is_shown_without_what_a_reload_added() {
        let mut facts = test_facts::healthy();
        let argv = "haproxy -sf 12 13 -x sockpair@5 -W -S /run/master.sock -f /etc/a.cfg";
        test_facts::instance_mut(&mut facts).main.argv = argv.split(' ').map(str::to_owned).collect();
        let by_hand = manual_restart(&facts);
        let last = commands(&by_hand).last().copied().unwrap().to_owned();
        assert!(last.ends_with("haproxy -W -S /run/master.sock -f /etc/a.cfg"), "{last}");
        assert!(last.starts_with("kill -TERM 100; "), "{last}");
    }

    #[test]
    fn a_manual_restart_goes_through_its_controller() {
        let mut facts = test_facts::healthy();
        let mut last = |control| {
            test_facts::instance_mut(&mut facts).control = control;
            manual_restart(&facts).pop().unwrap()
        };
        let nomad = || {
            Controller::Nomad(NomadTask {
                allocation: "a1".into(),
                task: "lb".into(),
                job: None,
                namespace: None,
            })
        };
        let said = last(test_facts::proven_control(nomad()));
        assert_eq!(said.command, "nomad alloc restart -task lb a1");
        assert_eq!(said.when, "then restart; every connection is cut; Nomad restarts it:");
        let container = crate::facts::controllers::Container { name: "lb".into(), ..Default::default() };
        let said = last(test_facts::proven_control(Controller::Podman { container }));
        assert_eq!(said.command, "podman restart lb");
        let claimed = crate::facts::Control::Claimed {
            controller: nomad(),
            evidence: Vec::new(),
            why: "denied".into(),
        };
        assert!(last(claimed).when.contains("only if it really is Nomad"));
        let unknown = last(crate::facts::Control::unknown("denied"));
        assert_eq!(unknown.command, "sudo haguard inspect");
        assert!(unknown.when.contains("found out first (denied)"), "{unknown:?}");
    }

    #[test]
    fn the_files_of_a_container_are_tested_in_it() {
        let mut facts = test_facts::healthy();
        let seen = |facts: &Facts| commands(&manual_restart(facts)).join("; ");
        assert!(!seen(&facts).contains("nsenter"), "{}", seen(&facts));
        let own = vec!["mnt".to_owned(), "pid".to_owned()];
        facts.namespaces = Known::Seen(crate::facts::Namespaces { own, closed: None, mounted: Vec::new() });
        assert!(seen(&facts).contains("nsenter --target 100 --all /"), "{}", seen(&facts));
    }

    #[test]
    fn names_that_a_shell_would_split_are_quoted() {
        assert_eq!(shell_quote("/etc/a b.cfg"), "'/etc/a b.cfg'");
        assert_eq!(shell_quote("it's"), r"'it'\''s'");
        assert_eq!(shell_quote("/run/a.sock"), "/run/a.sock");
    }

    #[test]
    fn without_an_instance_the_steps_only_inspect() {
        let mut facts = test_facts::healthy();
        facts.instance = Known::unknown("nothing answers");
        let named = "haguard restart --master-socket /run/master.sock";
        assert_eq!(commands(&safe_alternatives(&facts)), [named, "ss -lxp | grep haproxy"]);
        facts.uid = 1000;
        assert_eq!(commands(&safe_alternatives(&facts))[0], "sudo haguard inspect");
        assert!(manual_restart(&facts).is_empty());
    }
}
