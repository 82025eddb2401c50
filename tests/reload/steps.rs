//! What was shown is what is run: a plan whose steps are changed in memory is carried out as it stands then.

use std::time::Duration;

use haguard::act::consent::{ConsentSource, obtain_clearance};
use haguard::act::operation::{OperationContext, OperationResult, Outcome};
use haguard::act::runtime_state::preserve::PreservedRuntime;
use haguard::act::signals::Interrupts;
use haguard::cli::Flags;
use haguard::config::{Environment, Settings};
use haguard::facts::Facts;
use haguard::gather::{Node, ProbeDepth, gather_with_runtime};
use haguard::plan::{self, Action, LossKind, Plan};
use haguard::state::journal::InvokingUser;
use haguard::state::journal_steps::StepJournal;

use crate::support::haproxy::{Branch, Instance};
use crate::support::wait::wait_for;

const CONFIG: &str = "
frontend fe
    bind 127.0.0.1:{port:fe}
    default_backend web
backend web
    server s1 127.0.0.1:9
    server s2 127.0.0.1:9
";

/// A HAProxy with two servers in maintenance, and the plan that puts both back after a reload.
struct Bench {
    haproxy: Instance,
    settings: Settings,
    facts: Facts,
    hold: PreservedRuntime,
    plan: Plan,
    state: tempfile::TempDir,
}

impl Bench {
    fn start(branch: Branch) -> Self {
        let haproxy = Instance::builder(branch).config(CONFIG).start();
        for server in ["s1", "s2"] {
            haproxy.ask(&format!("set server web/{server} state maint"));
        }
        let flags = Flags {
            config: None,
            master_socket: haproxy.master_socket().map(Into::into),
            stats_socket: None,
            timeout: Some(Duration::from_secs(20)),
        };
        let mut settings = Settings::load(&flags, Environment::default(), false).unwrap();
        let state = tempfile::tempdir().unwrap();
        settings.state_dir.value = state.path().to_path_buf();
        haguard::clients::exec::use_program(env!("CARGO_BIN_EXE_haguard").into());
        let (facts, runtime) = gather_with_runtime(&settings, &Node::only_local(), ProbeDepth::Read);
        let ledger = plan::ledger(&facts);
        let hold = PreservedRuntime::read(&settings, &facts, runtime, &ledger, &[]).unwrap();
        let plan = plan::reload(&facts, &ledger, Some(hold.previews())).unwrap();
        Bench { haproxy, settings, facts, hold, plan, state }
    }

    fn apply(&self, plan: &Plan) -> OperationResult {
        let interrupts = Interrupts::default();
        let by_id = ConsentSource::PlanId(&plan.id);
        let cleared = obtain_clearance(plan, &[], by_id, |_| None, || (), &interrupts).unwrap();
        let state_dir = self.state.path().to_path_buf();
        let steps = StepJournal::new(state_dir, "reload", "a test".to_owned(), InvokingUser::default());
        let run = OperationContext {
            settings: &self.settings,
            interrupts: &interrupts,
            steps: &steps,
            progress: &|_, _| (),
            before_apply: &|| Ok(()),
        };
        haguard::act::reload::apply(cleared, &self.facts, Some(&self.hold), &run)
    }

    fn in_maintenance(&self, server: &str) -> bool {
        let text = self.haproxy.ask("show servers state web");
        let line = text.lines().find(|line| line.split(' ').nth(3) == Some(server)).unwrap();
        line.split(' ').nth(6).unwrap().parse::<u32>().unwrap() & 1 != 0
    }
}

#[test]
fn an_object_whose_step_was_taken_out_is_not_put_back() {
    for branch in Branch::here() {
        let bench = Bench::start(branch);
        let mut plan = bench.plan.clone();
        let s2 = |plan: &Plan| {
            let wanted = Some((LossKind::ServerAdminState, "web/s2"));
            plan.steps.iter().position(|step| step.restored_runtime() == wanted)
        };
        let at = s2(&plan).unwrap_or_else(|| panic!("{branch}: the plan puts s2 back: {:?}", plan.steps));
        plan.steps.remove(at);
        let done = bench.apply(&plan);
        assert!(matches!(done.outcome, Outcome::Proven), "{branch}: {:?}", done.broken_claims());
        wait_for("s1 is in maintenance again", || bench.in_maintenance("s1").then_some(()));
        assert!(!bench.in_maintenance("s2"), "{branch}: what no step puts back stays as the files say");
    }
}

#[test]
fn a_plan_without_its_reload_reloads_nothing() {
    for branch in Branch::here() {
        let bench = Bench::start(branch);
        let mut plan = bench.plan.clone();
        plan.steps.retain(|step| !matches!(step.action, Action::Reload(_)));
        let worker = bench.haproxy.worker_pid();
        let done = bench.apply(&plan);
        assert!(matches!(done.outcome, Outcome::PreparationFailed(_)), "{branch}: {:?}", done.outcome);
        assert!(!done.ordered, "{branch}");
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}");
        assert_eq!(bench.apply(&bench.plan).finished, ["reload", "put-back", "prove", "keep"], "{branch}");
    }
}
