//! Each controller has its own restart command, and none is guessed.

use super::*;
use crate::facts::controllers::{
    ComposeService, Container, GuestSystem, MultiplexerSession, NomadTask, PatroniMember, ServiceFolder,
    ShellSession, SupervisedProgram, SystemdUnit, Unmanaged, UserSystemdUnit,
};
use crate::facts::test_facts;

fn commands_of(controller: Controller) -> String {
    let service = test_facts::service("http.server", 5050, controller);
    let said = service_runbook(&service).restart;
    said.iter().map(|advice| advice.command.clone()).collect::<Vec<_>>().join("; ")
}

fn container(compose: Option<ComposeService>, socket: &str) -> Container {
    Container {
        id: "a".repeat(64),
        name: "pypnm-api".into(),
        image: "i".into(),
        restart_policy: "always".into(),
        pid: 7,
        socket: socket.into(),
        compose,
        ..Container::default()
    }
}

#[test]
fn each_controller_has_its_own_restart_command() {
    let unit = || "gui.service".to_owned();
    let own = "cd /opt/gui && python3 -m http.server 5050";
    let nomad = |namespace: Option<&str>| {
        Controller::Nomad(NomadTask {
            allocation: "a1".into(),
            task: "web".into(),
            job: Some("site".into()),
            namespace: namespace.map(str::to_owned),
        })
    };
    let patroni = |member: Option<&str>| {
        Controller::Patroni(PatroniMember {
            patroni: 4,
            scope: "lab".into(),
            member: member.map(str::to_owned),
            config: Some("/etc/p.yml".into()),
        })
    };
    let docker = |compose, socket| Controller::Docker { container: container(compose, socket) };
    let compose = ComposeService {
        project: "lab".into(),
        service: "api".into(),
        folder: Some("/opt/lab".into()),
        files: None,
        by_podman: false,
    };
    let cases = [
        (Controller::Systemd(SystemdUnit { unit: unit() }), "systemctl restart gui.service".to_owned()),
        (
            Controller::UserSystemd(UserSystemdUnit { unit: unit(), uid: 1001 }),
            "systemctl --user --machine=1001@ restart gui.service".to_owned(),
        ),
        (docker(None, "/run/docker.sock"), "docker restart pypnm-api".to_owned()),
        (docker(None, "/tmp/d.sock"), "docker -H unix:///tmp/d.sock restart pypnm-api".to_owned()),
        (
            docker(Some(compose), "/var/run/docker.sock"),
            "cd /opt/lab && docker compose -p lab restart api".to_owned(),
        ),
        (nomad(None), "nomad alloc restart -task web a1".to_owned()),
        (nomad(Some("edge")), "nomad alloc restart -namespace edge -task web a1".to_owned()),
        (
            Controller::Supervisord(SupervisedProgram {
                program: "gui".into(),
                supervisor: 4,
                config: Some("/etc/s.conf".into()),
            }),
            "supervisorctl -c /etc/s.conf restart gui".to_owned(),
        ),
        (
            Controller::Runit(ServiceFolder { folder: "/etc/sv/gui".into(), supervisor: 4 }),
            "sv restart /etc/sv/gui".to_owned(),
        ),
        (
            Controller::S6(ServiceFolder { folder: "/run/s/gui".into(), supervisor: 4 }),
            "s6-svc -r /run/s/gui".to_owned(),
        ),
        (
            Controller::Multiplexer(MultiplexerSession {
                program: "tmux".into(),
                server: 4,
                uid: 1001,
                session: Some("gui".into()),
            }),
            format!("sudo -u rbron tmux attach -t gui; {own}"),
        ),
        (
            Controller::Shell(ShellSession { shell: 4, tty: Some("pts/3".into()), uid: 1001, from: None }),
            format!("; {own}"),
        ),
        (
            Controller::Guest(GuestSystem { leader: 9, inside: Some("/system.slice/gui.service".into()) }),
            "nsenter --target 9 --all systemctl restart gui.service".to_owned(),
        ),
        (patroni(Some("node1")), "sudo -u rbron patronictl -c /etc/p.yml restart lab node1".to_owned()),
        (patroni(None), "sudo -u rbron patronictl -c /etc/p.yml restart lab MEMBER".to_owned()),
        (
            Controller::Unmanaged(Unmanaged { cgroup: "/".into() }),
            format!("kill -TERM 4711; sudo -u rbron sh -c '{own}'"),
        ),
    ];
    for (controller, expected) in cases {
        assert_eq!(commands_of(controller.clone()), expected, "{controller:?}");
    }
}

#[test]
fn an_unknown_patroni_member_has_to_be_looked_up() {
    let controller =
        Controller::Patroni(PatroniMember { patroni: 4, scope: "lab".into(), member: None, config: None });
    let said = service_runbook(&test_facts::service("postgres", 5432, controller)).restart;
    assert!(said[0].when.contains("MEMBER is its name in `patronictl list`"), "{said:?}");
}

#[test]
fn haproxy_is_only_reloaded_and_an_unknown_controller_is_found_out_first() {
    let mut service = test_facts::service(
        "haproxy",
        80,
        Controller::Systemd(SystemdUnit { unit: "haproxy.service".into() }),
    );
    service.role = Some(Role::Haproxy);
    let said = service_runbook(&service);
    assert!(said.restart.iter().all(|advice| advice.command.starts_with("haguard reload")), "{said:?}");
    service.role = None;
    service.control = Control::unknown("denied");
    let said = service_runbook(&service);
    assert_eq!(said.restart[0].command, "sudo haguard inspect");
    assert!(said.never[0].contains("not known"));
}

#[test]
fn a_socket_in_another_mount_namespace_is_not_named_as_a_path_of_this_host() {
    let mut service =
        test_facts::service("haproxy", 80, Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
    service.role = Some(Role::Haproxy);
    service.process.argv = ["haproxy", "-W", "-S", "/run/m.sock", "-f", "/h.cfg"].map(str::to_owned).to_vec();
    let command = |service: &Service| service_runbook(service).restart[0].command.clone();
    assert_eq!(command(&service), "haguard reload --master-socket /run/m.sock");
    service.process.same_mount_namespace = Known::Seen(false);
    assert_eq!(command(&service), "haguard reload 4711");
    service.control = test_facts::proven_control(Controller::Guest(GuestSystem { leader: 9, inside: None }));
    assert_eq!(command(&service), "nsenter --target 9 --all haguard reload");
}

#[test]
fn pid_1_and_container_daemons_are_not_restarted_for_one_service() {
    let mut service =
        test_facts::service("systemd", 80, Controller::Unmanaged(Unmanaged { cgroup: "/init.scope".into() }));
    service.process.pid = 1;
    let said = service_runbook(&service);
    assert!(said.restart.iter().all(|advice| advice.command.is_empty()), "{said:?}");
    let mut service = test_facts::service(
        "dockerd",
        80,
        Controller::Systemd(SystemdUnit { unit: "docker.service".into() }),
    );
    service.name = "dockerd".into();
    assert!(service_runbook(&service).never[0].contains("it may end them all"));
    service.name = "http.server".into();
    assert_eq!(single_restart_command(&service).as_deref(), Some("systemctl restart docker.service"));
    service.control = test_facts::proven_control(Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
    assert_eq!(single_restart_command(&service), None);
}

#[test]
fn a_deleted_folder_is_mentioned_and_has_to_be_created_again() {
    let mut service =
        test_facts::service("http.server", 80, Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
    service.process.cwd = Known::Seen("/opt/gui (deleted)".into());
    let said = service_runbook(&service).restart;
    assert!(said[1].when.contains("has to be created again"), "{said:?}");
    assert!(said[1].command.contains("cd /opt/gui && python3"), "{said:?}");
}

#[test]
fn dockers_proxy_only_holds_the_port_of_its_container() {
    let mut proxy =
        test_facts::service("docker-proxy", 80, Controller::Docker { container: container(None, "") });
    let words =
        "docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2 -container-port 80";
    proxy.process.argv = words.split(' ').map(str::to_owned).collect();
    assert!(service_runbook(&proxy).never.join(" ").contains("decides whether it is started again"));
    proxy.process.comm = "docker-proxy".into();
    let never = service_runbook(&proxy).never;
    assert_eq!(
        never,
        ["kill 4711: it only holds the port for the container, which is unreachable without it"]
    );
}
