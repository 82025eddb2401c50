use super::*;
use crate::wire::haproxy::config::ServerStateSource;
use crate::wire::haproxy::config::{
    CertKind, Host, ParseContext, Port, Source, SourceLocation, StatsSocketLevel, parse,
};

fn model(text: &str) -> Model {
    let context = ParseContext {
        env_known: true,
        version: Some((3, 4, 7)),
        hostname: Some("vm".to_string()),
        ..ParseContext::default()
    };
    Model::from_config(&parse(&[Source { file: "a.cfg".to_string(), document: text.into() }], &context))
}

/// `backend/server=weight`, then `D`isabled, `B`ackup, `C`hecked, `T`emplate and `?` uncertain.
fn servers(model: &Model) -> Vec<String> {
    let flag = |on: bool, letter: &'static str| if on { letter } else { "" };
    let shown = |proxy: &ProxyDef, def: &ServerDef| {
        let flags = [
            flag(def.disabled, "D"),
            flag(def.backup, "B"),
            flag(def.check, "C"),
            flag(def.from_template, "T"),
            flag(!def.certain, "?"),
        ];
        format!("{}/{}={}{}", proxy.name, def.name, def.weight, flags.concat())
    };
    model.proxies.iter().flat_map(|proxy| proxy.servers.iter().map(move |def| shown(proxy, def))).collect()
}

#[test]
fn servers_get_what_default_server_lines_before_them_give() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("nothing said", "backend b\n server s :1\n", &["b/s=1"]),
        (
            "from defaults",
            "defaults\n default-server weight 7 disabled\nbackend b\n server s :1\n default-server enabled\n server t :2 weight 3\n",
            &["b/s=7D", "b/t=3"],
        ),
        (
            "no forms",
            "backend b\n default-server backup check\n server s :1\n server t :2 no-backup no-check\n",
            &["b/s=1BC", "b/t=1"],
        ),
        (
            "a keyword as an argument",
            "backend b\n server s :1 cookie disabled track backup/check weight 5\n",
            &["b/s=5"],
        ),
        (
            "templates",
            "backend b\n default-server weight 4\n server-template t 2-3 :+5 backup\n server-template u 2 :1\n",
            &["b/t2=4BT", "b/t3=4BT", "b/u1=4T", "b/u2=4T"],
        ),
        (
            "the nearest defaults",
            "defaults\n default-server weight 2\ndefaults\nbackend b\n server s :1\n",
            &["b/s=1"],
        ),
        (
            "a named defaults",
            "defaults x\n default-server weight 2\ndefaults y from x\n default-server check\ndefaults\nbackend b from y\n server s :1\n",
            &["b/s=2C"],
        ),
        (
            "defaults do not inherit by themselves",
            "defaults\n default-server weight 2\ndefaults\n default-server check\nlisten b\n server s :1\n",
            &["b/s=1C"],
        ),
        (
            "an uncertain default",
            "backend b\n.if enabled(A)\n default-server weight 2\n.endif\n server s :1 weight 1\n",
            &["b/s=1?"],
        ),
        (
            "uncertain defaults",
            ".if enabled(A)\ndefaults\n default-server weight 2\n.endif\nbackend b\n server s :1\n",
            &["b/s=2?"],
        ),
        (
            "the younger defaults win",
            "defaults x\n default-server weight 2\ndefaults y from x\n default-server weight 3\nbackend b from y\n server s :1\n",
            &["b/s=3"],
        ),
        (
            "uncertain defaults that say nothing",
            "defaults\n default-server weight 7\n.if enabled(A)\ndefaults\n.endif\nbackend b\n server s :1\n",
            &["b/s=1?"],
        ),
        ("rings and peers are no backends", "ring r\n server s :1\npeers p\n server s :1\n", &[]),
        ("an incomplete line", "backend b\n server s\n server-template t 1\n", &[]),
    ];
    for (situation, text, expected) in cases {
        assert_eq!(servers(&model(text)), *expected, "{situation}");
    }
}

#[test]
fn a_huge_server_template_cannot_fill_the_memory() {
    let model = model("backend b\n server-template t 1-4294967295 :1\n server-template u x :1\n");
    assert_eq!(model.proxies[0].servers.len(), 4096);
    assert_eq!(model.undecided.len(), 2, "{:?}", model.undecided);
}

#[test]
fn backends_and_servers_are_found_by_name() {
    let model = model(
        "frontend f\nbackend b\n server s 127.0.0.1:80\nlisten l\nbackend gone\n disabled\ndefaults\n disabled\nbackend off\nbackend on\n enabled\n",
    );
    assert_eq!(model.backend_names(), ["b", "l", "on"]);
    let server = model.find_server("b", "s").expect("it is there");
    assert_eq!((&server.host, server.port), (&Host::Ipv4([127, 0, 0, 1].into()), Port::Fixed(80)));
    assert!(model.find_server("b", "t").is_none() && model.find_server("f", "s").is_none());
}

#[test]
fn sockets_binds_and_certificates_are_listed() {
    let model = model(
        "global\n crt-base /crt\n ca-base /ca\n stats socket /a.sock mode 600\n stats socket ipv4@:1 level admin\n stats timeout 1s\n\
        frontend f\n bind :80-81,[::]:82 name x\n bind :443 ssl crt site.pem crt /full.pem crt-list list.txt ca-file ca.pem default-crt @x/y\n\
        backend b\n server s :1 ssl crt c.pem ca-file @system-ca\n\
        crt-store st\n crt-base /st\n load crt a.pem alias a\n load crt /b.pem\n\
        peers p\n peer vm 127.0.0.1:1024\n peer other 127.0.0.2:1024\nlog-forward lf\n dgram-bind :514\n",
    );
    let sockets: Vec<_> =
        model.sockets.iter().map(|socket| (socket.address.as_str(), socket.level)).collect();
    assert_eq!(sockets, [("/a.sock", StatsSocketLevel::Operator), ("ipv4@:1", StatsSocketLevel::Admin)]);
    let binds: Vec<_> = model
        .binds
        .iter()
        .map(|bind| (bind.proxy.as_str(), bind.addresses.join(" "), bind.ssl, bind.datagram))
        .collect();
    assert_eq!(
        binds,
        [
            ("f", ":80 :81 [::]:82".to_string(), false, false),
            ("f", ":443".to_string(), true, false),
            ("p", "127.0.0.1:1024".to_string(), false, false),
            ("lf", ":514".to_string(), false, true),
        ]
    );
    assert_eq!(model.binds[1].certificates, ["/crt/site.pem", "/full.pem", "list.txt", "@x/y"]);
    let certificates: Vec<_> = model.certificates.iter().map(|cert| (cert.path.as_str(), cert.how)).collect();
    assert_eq!(
        certificates,
        [
            ("/crt/site.pem", CertKind::Crt),
            ("/full.pem", CertKind::Crt),
            ("list.txt", CertKind::CrtList),
            ("/ca/ca.pem", CertKind::CaFile),
            ("@x/y", CertKind::Crt),
            ("/crt/c.pem", CertKind::Crt),
            ("@system-ca", CertKind::CaFile),
            ("/st/a.pem", CertKind::CrtStore),
            ("/b.pem", CertKind::CrtStore),
        ]
    );
}

#[test]
fn peers_and_tables_tell_what_is_taught_to_the_next_worker() {
    let model = model(
        "peers mine\n bind :1\n server vm\n server other :2\n table tt type ip size 1k store gpc0\npeers theirs\n peer a :3\n\
        backend b\n stick-table type string len 32 size 10k expire 5m peers mine\nfrontend f\n stick-table type ip size 1m\n",
    );
    let peers: Vec<_> =
        model.peers.iter().map(|peers| (peers.name.as_str(), peers.local, peers.remotes.clone())).collect();
    assert_eq!(peers, [("mine", true, vec!["other".to_string()]), ("theirs", false, vec!["a".to_string()])]);
    let tables: Vec<_> = model
        .tables
        .iter()
        .map(|table| (table.name.as_str(), table.kind.as_str(), table.size.as_str(), table.peers.as_deref()))
        .collect();
    assert_eq!(
        tables,
        [
            ("b", "string len 32", "10k", Some("mine")),
            ("f", "ip", "1m", None),
            ("mine/tt", "ip", "1k", Some("mine")),
        ]
    );
}

#[test]
fn state_files_are_found_for_the_proxies_that_load_them() {
    let model = model(
        "global\n server-state-base /base/\n server-state-file all\ndefaults\n load-server-state-from-file global\n\
        backend a\nbackend b\n load-server-state-from-file local\nbackend c\n load-server-state-from-file local\n server-state-file-name /own\n\
        backend d\n load-server-state-from-file none\n",
    );
    let from: Vec<_> = model.proxies.iter().map(|proxy| proxy.state_from.clone()).collect();
    let local = |file: &str| ServerStateSource::Local(file.to_string());
    assert_eq!(
        from,
        [ServerStateSource::Global, local("/base/b"), local("/own"), ServerStateSource::Nothing]
    );
    let at = SourceLocation { file: "a.cfg".to_string(), line: 3 };
    assert_eq!(model.state_file, Some(ServerStateFile { file: "/base/all".to_string(), at, certain: true }));
}

#[test]
fn settings_are_those_of_the_last_line() {
    let model = model(
        "global\n chroot /var/empty\n user haproxy\n nbthread 2\n hard-stop-after 5s\nglobal\n nbthread 4\n master-worker\n mworker-max-reloads 3\n",
    );
    let settings = &model.settings;
    assert_eq!(settings.chroot.as_deref(), Some("/var/empty"));
    assert_eq!(settings.nbthread.as_deref(), Some("4"));
    assert_eq!(settings.hard_stop_after.as_deref(), Some("5s"));
    assert_eq!(settings.mworker_max_reloads.as_deref(), Some("3"));
    assert!(settings.master_worker && settings.certain && !settings.daemon);
    assert!(!self::model("global\n.if enabled(A)\n chroot /x\n.endif\n").settings.certain);
}
