//! The plan of a reload: what the next worker brings, who is asked for it, and how it is proven.

use std::collections::BTreeSet;

use super::replay::ReplayPreview;
use super::{Action, Plan, ReloadMethod, Step, Verb};
use super::{Basis, Ledger};
use crate::facts::{Facts, Instance, Known, Proxy, Server};
use crate::plural::plural;

/// What is written since the worker started stands in the ledger: a file's time against a process's start can come out
/// either way when both are the same moment, and an id must not depend on that.
const RELOAD_REASON: &str = "a new worker loads the files on disk, and the old one finishes its connections";

/// The plan of a reload; none where it is not known what runs. `kept` says what of the runtime state would be put back,
/// where that is wanted.
pub fn reload(facts: &Facts, ledger: &Ledger, kept: Option<&[ReplayPreview]>) -> Option<Plan> {
    Some(reload_of(facts.instance.seen()?, facts, ledger, kept))
}

/// The same for the instance of these facts.
pub fn reload_of(
    instance: &Instance,
    facts: &Facts,
    ledger: &Ledger,
    kept: Option<&[ReplayPreview]>,
) -> Plan {
    let mut steps = vec![Step::new(Action::Reload(reload_method(instance)), instance.title(), RELOAD_REASON)];
    steps.extend(configuration_steps(facts, kept.unwrap_or_default()));
    steps.extend(proof_steps(facts));
    let basis = Basis::from_facts(facts, ledger);
    let options = kept.map(|_| vec!["keep-runtime".to_owned()]).unwrap_or_default();
    Plan::new("reload", options, format!("{} on {}", instance.title(), facts.host), basis, steps)
}

/// What the new worker brings and takes, and what is put back into it.
pub(super) fn configuration_steps(facts: &Facts, kept: &[ReplayPreview]) -> Vec<Step> {
    let mut steps = proxy_steps(facts);
    steps.extend(server_steps(facts));
    let back = kept.iter().filter(|preview| preview.how.is_some());
    steps.extend(back.map(|preview| Step::restore_runtime(preview.kind, &preview.object)));
    steps
}

/// The last steps of every plan.
pub(super) fn proof_steps(facts: &Facts) -> [Step; 2] {
    let checked = "its PID, its sockets and listeners, its proxies and servers, their health";
    let files = plural(facts.config.files.len(), "configuration file");
    let prove = Step::new(Action::Verify, "the new worker", checked);
    let keep = Step::new(Action::SaveLoadedConfig, files, "so that this configuration can be put back later");
    [prove, keep]
}

/// The master's socket where there is one: only its answer has HAProxy's own messages.
fn reload_method(instance: &Instance) -> ReloadMethod {
    match &instance.master_socket {
        Known::Seen(_) => ReloadMethod::MasterCli,
        Known::Unknown { .. } => ReloadMethod::Signal,
    }
}

/// Proxies that come and go; those behind a condition that could not be decided are left out.
fn proxy_steps(facts: &Facts) -> Vec<Step> {
    let Known::Seen((live, next)) = facts.live.proxies.as_ref().zip(facts.next.proxies.as_ref()) else {
        return Vec::new();
    };
    let has = |list: &[Proxy], name: &str| list.iter().any(|proxy| proxy.name == name);
    let came = next.iter().filter(|proxy| proxy.certain && !has(live, &proxy.name));
    let gone = live.iter().filter(|proxy| !has(next, &proxy.name));
    let added = came.map(|proxy| {
        let at = proxy.at.as_deref().map_or("in the files".to_owned(), |at| format!("at {at}"));
        load_step(Verb::Add, format!("{} {}", proxy.section(), proxy.name), at)
    });
    let removed = gone.map(|proxy| {
        load_step(Verb::Remove, format!("{} {}", proxy.section(), proxy.name), "in no loaded file".to_owned())
    });
    added.chain(removed).collect()
}

/// Servers that come and go in backends that stay.
fn server_steps(facts: &Facts) -> Vec<Step> {
    let Known::Seen((live, next)) = facts.live.servers.as_ref().zip(facts.next.servers.as_ref()) else {
        return Vec::new();
    };
    let names = |list: &[Server], certain: bool| -> BTreeSet<(String, String)> {
        let wanted = list.iter().filter(|server| server.certain || !certain);
        wanted.map(|server| (server.backend.clone(), server.name.clone())).collect()
    };
    let backends = |proxies: &Known<Vec<Proxy>>| -> BTreeSet<String> {
        proxies.seen().into_iter().flatten().map(|proxy| proxy.name.clone()).collect()
    };
    let stays: BTreeSet<String> =
        backends(&facts.live.proxies).intersection(&backends(&facts.next.proxies)).cloned().collect();
    let step = |verb, (backend, server): &(String, String), why: &str| {
        load_step(verb, format!("server {backend}/{server}"), why.to_owned())
    };
    let kept = |(backend, _): &&(String, String)| stays.contains(backend);
    let (was, will, may) = (names(live, false), names(next, true), names(next, false));
    let added = will.difference(&was).filter(kept).map(|name| step(Verb::Add, name, "in the files"));
    let removed = was.difference(&may).filter(kept).map(|name| step(Verb::Remove, name, "in no loaded file"));
    added.chain(removed).collect()
}

fn load_step(verb: Verb, object: String, reason: String) -> Step {
    Step::new(Action::Load(verb), object, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts::{self, known_mut};
    use crate::plan;
    use proptest::prelude::*;

    fn plan(facts: &Facts) -> Plan {
        reload(facts, &plan::ledger(facts), None).unwrap()
    }

    #[test]
    fn the_same_state_gives_the_same_id_and_another_one_does_not() {
        let first = plan(&test_facts::healthy());
        assert_eq!(first.id.len(), 10);
        assert_eq!(first, plan(&test_facts::healthy()));
        let mut facts = test_facts::healthy();
        facts.config.files[0].md5 = Known::Seen("1".repeat(32));
        assert_ne!(plan(&facts).id, first.id);
    }

    #[test]
    fn what_comes_and_what_goes_is_named() {
        let mut facts = test_facts::healthy();
        known_mut(&mut facts.next.proxies).push(test_facts::proxy("api", false));
        known_mut(&mut facts.live.proxies).push(test_facts::proxy("old", true));
        known_mut(&mut facts.live.servers).push(test_facts::server("web", "dyn", 1));
        known_mut(&mut facts.next.servers).push(test_facts::server("api", "new", 1));
        let steps = plan(&facts).steps;
        let said: Vec<String> =
            steps.iter().map(|step| format!("{} {}", step.action.names().0, step.object)).collect();
        assert_eq!(
            said,
            [
                "reload HAProxy (master 100)",
                "add backend api",
                "remove frontend old",
                "remove server web/dyn",
                "prove the new worker",
                "keep 1 configuration file",
            ]
        );
        assert_eq!(steps[0].action, Action::Reload(ReloadMethod::MasterCli));
    }

    #[test]
    fn without_an_instance_there_is_nothing_to_plan() {
        let mut facts = test_facts::healthy();
        facts.instance = Known::unknown("nothing answers");
        assert!(reload(&facts, &plan::ledger(&facts), None).is_none());
    }

    proptest! {
        #[test]
        fn a_plan_comes_back_from_its_document(pid: u32, reloads: u32, name in "\\PC{1,12}") {
            let mut facts = test_facts::healthy();
            test_facts::instance_mut(&mut facts).main.pid = pid;
            test_facts::instance_mut(&mut facts).reloads = Known::Seen(reloads);
            known_mut(&mut facts.next.proxies).push(test_facts::proxy(&name, false));
            let plan = plan(&facts);
            let text = serde_json::to_string(&plan).unwrap();
            prop_assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
        }
    }
}
