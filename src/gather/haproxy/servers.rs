//! Servers, live and next, in one vocabulary.

use std::collections::HashMap;

use super::hostnames::{self, ResolvedHostnames};
use super::paths;
use crate::clients::linux;
use crate::facts::{Known, Process, Server, ServerAddress, ServerAdminState};
use crate::gather::GatherContext;
use crate::timeouts;
use crate::wire::haproxy::config::{Host, Model, ServerDef, ServerStateSource};
use crate::wire::haproxy::runtime::servers_state::{self, AdminState, ServerState};

/// What an operator asked of it: what it inherits or learns from a resolver comes back by itself.
pub(in crate::gather) fn requested_admin_state(state: AdminState) -> ServerAdminState {
    match (state.forced_maint(), state.forced_drain()) {
        (true, _) => ServerAdminState::Maint,
        (false, true) => ServerAdminState::Drain,
        (false, false) => ServerAdminState::Ready,
    }
}

/// The servers that the files would make, with what a server-state file would restore over them.
pub(in crate::gather) fn configured_servers(
    look: &GatherContext<'_>,
    model: &Model,
    main: &Process,
) -> Known<Vec<Server>> {
    let names = model.proxies.iter().flat_map(|p| &p.servers).filter_map(|server| match &server.host {
        Host::Name(name) => Some(name.clone()),
        _ => None,
    });
    let resolved = hostnames::resolve(main, names.collect(), look.deadline.at_most(timeouts::RESOLVE));
    let mut states = HashMap::new();
    let mut servers = Vec::new();
    for proxy in &model.proxies {
        let file = match &proxy.state_from {
            ServerStateSource::Nothing => None,
            ServerStateSource::Global => model.state_file.as_ref().map(|file| file.file.clone()),
            ServerStateSource::Local(path) => Some(path.clone()),
        };
        let rows = file
            .map(|file| states.entry(file.clone()).or_insert_with(|| read_state_file(main, &file)).clone());
        for definition in &proxy.servers {
            let mut server = configured_server(&proxy.name, definition, &resolved);
            if let Some(rows) = &rows {
                apply_state_file(&mut server, rows);
            }
            servers.push(server);
        }
    }
    Known::Seen(servers)
}

fn configured_server(backend: &str, definition: &ServerDef, resolved: &ResolvedHostnames) -> Server {
    let port = u16::try_from(definition.port.servers_state_number()).unwrap_or(0);
    let at = |ip: String| Known::Seen(ServerAddress { ip, port });
    let (address, fqdn) = match &definition.host {
        Host::Ipv4(ip) => (at(ip.to_string()), None),
        Host::Ipv6(ip) => (at(ip.to_string()), None),
        Host::Name(name) => {
            let ip = hostnames::select_address(resolved, name, None);
            (ip.map(|ip| ServerAddress { ip: ip.to_string(), port }), Some(name.clone()))
        }
        _ => (at("-".to_owned()), None),
    };
    Server {
        backend: backend.to_owned(),
        name: definition.name.clone(),
        address,
        fqdn,
        weight: Known::Seen(definition.weight),
        initial_weight: None,
        admin: Known::Seen(if definition.disabled {
            ServerAdminState::Maint
        } else {
            ServerAdminState::Ready
        }),
        initial_admin: None,
        certain: definition.certain,
    }
}

type StateRows = Known<Vec<ServerState>>;

fn read_state_file(main: &Process, file: &str) -> StateRows {
    let path = paths::on_host(main, file);
    match linux::read_text_file(&path) {
        // HAProxy goes on without it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Known::Seen(Vec::new()),
        Err(error) => Known::unknown(format!("reading {}: {error}", path.display())),
        Ok(text) => match servers_state::parse(&text) {
            Ok(rows) => Known::Seen(rows),
            Err(error) => Known::unknown(format!("{}: {error}", path.display())),
        },
    }
}

/// What a state file restores: the admin state, the weight where the file's first weight is still the one configured,
/// and the port, which beats the one in the configuration; never the address.
fn apply_state_file(server: &mut Server, rows: &StateRows) {
    let rows = match rows {
        Known::Seen(rows) => rows,
        Known::Unknown { why } => {
            server.admin = Known::unknown(why.clone());
            server.weight = Known::unknown(why.clone());
            return;
        }
    };
    let Some(row) = rows.iter().find(|row| row.backend == server.backend && row.server == server.name) else {
        return;
    };
    server.admin = Known::Seen(requested_admin_state(row.admin_state));
    if server.weight.seen() == Some(&row.iweight) {
        server.weight = Known::Seen(row.uweight);
    }
    if let (Known::Seen(address), true) = (&mut server.address, row.port != 0) {
        address.port = row.port;
    }
}
