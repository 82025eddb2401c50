//! Servers, live and next, in one vocabulary.

use std::collections::HashMap;

use super::hostnames::{self, Resolved};
use super::paths;
use crate::clients::linux;
use crate::facts::{Address, Admin, Known, Process, Server};
use crate::gather::Look;
use crate::wire::haproxy::config::{Host, Model, ServerDef, StateFrom};
use crate::wire::haproxy::runtime::servers_state::{self, AdminState, ServerState};

/// A row of `show servers state`.
pub(in crate::gather) fn live(row: ServerState) -> Server {
    let ServerState { backend, server, address, port, fqdn, admin_state, uweight, iweight, .. } = row;
    let address = Address { ip: address.unwrap_or_else(|| "-".to_owned()), port };
    Server {
        backend,
        name: server,
        address: Known::Seen(address),
        fqdn,
        weight: Known::Seen(uweight),
        initial_weight: Some(iweight),
        admin: Known::Seen(admin(admin_state)),
        initial_admin: Some(if admin_state.config_maint() { Admin::Maint } else { Admin::Ready }),
        certain: true,
    }
}

/// What an operator asked of it: what it inherits or learns from a resolver comes back by itself.
pub(in crate::gather) fn admin(state: AdminState) -> Admin {
    match (state.forced_maint(), state.forced_drain()) {
        (true, _) => Admin::Maint,
        (false, true) => Admin::Drain,
        (false, false) => Admin::Ready,
    }
}

/// The servers that the files would make, with what a server-state file would restore over them.
pub(in crate::gather) fn of(look: &Look<'_>, model: &Model, main: &Process) -> Known<Vec<Server>> {
    let names = model.proxies.iter().flat_map(|p| &p.servers).filter_map(|server| match &server.host {
        Host::Name(name) => Some(name.clone()),
        _ => None,
    });
    let resolved = hostnames::resolve(main, names.collect(), look.deadline.at_most(hostnames::LIMIT));
    let mut states = HashMap::new();
    let mut servers = Vec::new();
    for proxy in &model.proxies {
        let file = match &proxy.state_from {
            StateFrom::Nothing => None,
            StateFrom::Global => model.state_file.as_ref().map(|file| file.file.clone()),
            StateFrom::Local(path) => Some(path.clone()),
        };
        let rows = file.map(|file| states.entry(file.clone()).or_insert_with(|| saved(main, &file)).clone());
        for definition in &proxy.servers {
            let mut server = planned(&proxy.name, definition, &resolved);
            if let Some(rows) = &rows {
                restore(&mut server, rows);
            }
            servers.push(server);
        }
    }
    Known::Seen(servers)
}

fn planned(backend: &str, definition: &ServerDef, resolved: &Resolved) -> Server {
    let port = u16::try_from(definition.port.shown()).unwrap_or(0);
    let at = |ip: String| Known::Seen(Address { ip, port });
    let (address, fqdn) = match &definition.host {
        Host::Ipv4(ip) => (at(ip.to_string()), None),
        Host::Ipv6(ip) => (at(ip.to_string()), None),
        Host::Name(name) => {
            let ip = hostnames::one(resolved, name, None);
            (ip.map(|ip| Address { ip: ip.to_string(), port }), Some(name.clone()))
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
        admin: Known::Seen(if definition.disabled { Admin::Maint } else { Admin::Ready }),
        initial_admin: None,
        certain: definition.certain,
    }
}

type Rows = Known<Vec<ServerState>>;

fn saved(main: &Process, file: &str) -> Rows {
    let path = paths::on_host(main, file);
    match linux::text(&path) {
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
fn restore(server: &mut Server, rows: &Rows) {
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
    server.admin = Known::Seen(admin(row.admin_state));
    if server.weight.seen() == Some(&row.iweight) {
        server.weight = Known::Seen(row.uweight);
    }
    if let (Known::Seen(address), true) = (&mut server.address, row.port != 0) {
        address.port = row.port;
    }
}
