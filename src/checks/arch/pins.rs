//! Compares the pinned controllers and files with those that are found.

use crate::checks::{CheckContext, CheckResult, Judgement};
use crate::facts::pin::Pin;
use crate::facts::{Control, Facts, Role};
use crate::known::Unknown;

/// Compares every pin that can be compared: a changing command reads HAProxy alone, `inspect` all services.
pub(super) fn expected(context: CheckContext<'_>) -> CheckResult {
    let facts = context.facts;
    if facts.pins.is_empty() {
        return Ok(Judgement::skipped("nothing is pinned: `haguard inspect --save` pins what is proven"));
    }
    let haproxy = Role::Haproxy.to_string();
    let mut services: Vec<&str> = facts.pins.iter().map(|pin| pin.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    let compared = services.into_iter().filter_map(|service| {
        let pins: Vec<&Pin> = facts.pins.iter().filter(|pin| pin.service == service).collect();
        match service == haproxy {
            true => Some(compare_pins(&pins, Some(haproxy_pin(facts)))),
            false => compare_other_services(facts, service, &pins),
        }
    });
    let worst = compared.max_by_key(|outcome| outcome.level);
    Ok(worst
        .unwrap_or_else(|| Judgement::skipped("the pinned services were not read by this command"))
        .with_remedy_if_notable(
            "`haguard inspect` shows what was found; if that is right, `haguard inspect --save` pins it",
        ))
}

/// The controller and files of the target HAProxy, or why they are not proven.
fn haproxy_pin(facts: &Facts) -> Result<Pin, Unknown> {
    let instance = facts.instance.get()?;
    found_pin(&Role::Haproxy.to_string(), &instance.control, Pin::config_paths(&instance.main))
}

fn found_pin(service: &str, control: &Control, config: Vec<String>) -> Result<Pin, Unknown> {
    let controller = control.proven().ok_or_else(|| {
        let why = control.why().unwrap_or("");
        Unknown::new(format!("its controller is {}: {why}", control.certainty()))
    })?;
    Ok(Pin::from_controller(service, controller, config))
}

/// A service other than HAProxy, where all services were read.
fn compare_other_services(facts: &Facts, name: &str, pins: &[&Pin]) -> Option<Judgement> {
    let host = facts.on_host.seen()?;
    let named = host.services.iter().filter(|one| one.pin_name() == name);
    let all: Vec<Judgement> = named
        .map(|service| compare_pins(pins, Some(found_pin(name, &service.control, service.files.clone()))))
        .collect();
    // Several services can have this name, and the pin is of one of them.
    Some(all.into_iter().min_by_key(|outcome| outcome.level).unwrap_or_else(|| compare_pins(pins, None)))
}

fn compare_pins(pins: &[&Pin], found: Option<Result<Pin, Unknown>>) -> Judgement {
    let service = pins.first().map_or("", |pin| pin.service.as_str());
    let pinned: Vec<String> = pins.iter().map(|pin| pin.describe()).collect();
    let pinned = pinned.join(", or ");
    match found {
        None => Judgement::warn(format!("{service} is pinned: {pinned}; found: it does not run here")),
        Some(Err(Unknown { why })) => {
            Judgement::unknown(format!("{service} is pinned: {pinned}; found: not proven"))
                .with_evidence([why])
        }
        Some(Ok(found)) if pins.iter().any(|pin| pin.matches(&found)) => {
            Judgement::pass(format!("{service} runs as pinned: {}", found.describe()))
        }
        Some(Ok(found)) => {
            Judgement::fail(format!("{service} is pinned: {pinned}; found: {}", found.describe()))
        }
    }
}

impl Judgement {
    fn with_remedy_if_notable(self, mend: &str) -> Self {
        if self.level.is_notable() { self.with_remedy(mend) } else { self }
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::{self, Level};
    use crate::facts::controllers::{SystemdUnit, Unmanaged};
    use crate::facts::pin::Pin;
    use crate::facts::{Control, Controller, Facts, Known, test_facts};
    use crate::plan;

    fn run_expected(facts: &Facts) -> (Level, String) {
        let finding = checks::run_checks(facts, &plan::ledger(facts), &["arch.expected"]).remove(0);
        (finding.level, finding.text)
    }

    fn systemd() -> Controller {
        Controller::Systemd(SystemdUnit { unit: "haproxy.service".into() })
    }

    #[test]
    fn a_finding_shows_what_is_pinned_and_what_was_found() {
        let mut facts = test_facts::healthy();
        assert_eq!(run_expected(&facts).0, Level::Skipped);
        facts.pins = vec![Pin::from_controller("haproxy", &systemd(), vec!["/etc/haproxy.cfg".into()])];
        let (level, text) = run_expected(&facts);
        assert_eq!(level, Level::Fail);
        assert_eq!(
            text,
            "haproxy is pinned: systemd haproxy.service, /etc/haproxy.cfg; found: no service manager, /etc/haproxy.cfg"
        );
        test_facts::instance_mut(&mut facts).control = test_facts::proven_control(systemd());
        assert_eq!(run_expected(&facts).0, Level::Pass);
        test_facts::instance_mut(&mut facts).main.argv =
            ["haproxy", "-f", "/other.cfg"].map(str::to_owned).to_vec();
        assert_eq!(run_expected(&facts).0, Level::Fail, "another file");
        test_facts::instance_mut(&mut facts).control = Control::unknown("denied");
        assert_eq!(run_expected(&facts).0, Level::Unknown);
        facts.instance = Known::unknown("gone");
        assert_eq!(run_expected(&facts).0, Level::Unknown);
    }

    #[test]
    fn other_services_are_compared_where_they_were_read() {
        let mut facts = test_facts::healthy();
        facts.pins = vec![Pin::from_controller("http.server", &systemd(), Vec::new())];
        assert_eq!(run_expected(&facts).0, Level::Skipped, "not looked at");
        facts.on_host = Known::Seen(test_facts::host_facts(Vec::new()));
        assert_eq!(run_expected(&facts).0, Level::Warn, "it does not run");
        let unmanaged = Controller::Unmanaged(Unmanaged { cgroup: "/".into() });
        let mut services = vec![test_facts::service("http.server", 1, unmanaged)];
        facts.on_host = Known::Seen(test_facts::host_facts(services.clone()));
        assert_eq!(run_expected(&facts).0, Level::Fail);
        services.push(test_facts::service("http.server", 2, systemd()));
        facts.on_host = Known::Seen(test_facts::host_facts(services));
        assert_eq!(run_expected(&facts).0, Level::Pass, "one of them is the one");
    }
}
