//! Changes of servers.

use super::{ResponseShape, RuntimeChange, SuccessMessage, UnencodableValue, escape_last_word, escape_word};

/// The administrative state of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminStateCommand {
    /// Take traffic.
    Ready,
    /// Finish what it has, take nothing new.
    Drain,
    /// Take none.
    Maint,
}

/// A server to be added. It starts in maintenance, with its checks switched off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewServer {
    /// Its backend.
    pub backend: String,
    /// Its name.
    pub name: String,
    /// Its IP address.
    pub ip: String,
    /// Its port; `None` where the client's port is kept.
    pub port: Option<u16>,
    /// Its initial weight, 0 to 256.
    pub weight: u32,
    /// Its id, where that was chosen by hand.
    pub id: Option<u32>,
    /// Most sessions at once.
    pub maxconn: Option<u32>,
    /// Most requests that may wait for it.
    pub maxqueue: Option<u32>,
    /// It serves only when the others are gone.
    pub backup: bool,
    /// Its cookie value (2.8 and newer).
    pub cookie: Option<String>,
    /// It has health checks.
    pub check: bool,
    /// Where they go, where that is another port.
    pub check_port: Option<u16>,
    /// Where they go, where that is another address.
    pub check_ip: Option<String>,
    /// Good checks in a row that bring it back.
    pub rise: Option<u32>,
    /// Bad checks in a row that take it away.
    pub fall: Option<u32>,
    /// The port of its agent, where it has one.
    pub agent_port: Option<u16>,
    /// The address of its agent, where that is another one.
    pub agent_ip: Option<String>,
}

/// What each branch answers when an address was changed, or was the same already.
const ADDRESS_CHANGED: SuccessMessage = SuccessMessage::OneOf(&["changed", "no need to change"]);

impl RuntimeChange {
    /// `set server BACKEND/SERVER state ..`.
    ///
    /// # Errors
    /// For this and every other constructor: a word that the socket's language cannot carry.
    pub fn set_server_state(
        backend: &str,
        server: &str,
        state: AdminStateCommand,
    ) -> Result<Self, UnencodableValue> {
        let state = match state {
            AdminStateCommand::Ready => "ready",
            AdminStateCommand::Drain => "drain",
            AdminStateCommand::Maint => "maint",
        };
        set_server(backend, server, &format!("state {state}"), SuccessMessage::Empty)
    }

    /// `set server BACKEND/SERVER health down`: its checks decide when it comes up. It is refused where there are none.
    pub fn set_server_down(backend: &str, server: &str) -> Result<Self, UnencodableValue> {
        set_server(backend, server, "health down", SuccessMessage::Empty)
    }

    /// `set server BACKEND/SERVER weight N`, 0 to 256: what the operator sees, not a share of the initial one.
    pub fn set_server_weight(backend: &str, server: &str, weight: u32) -> Result<Self, UnencodableValue> {
        set_server(backend, server, &format!("weight {weight}"), SuccessMessage::Empty)
    }

    /// `set server BACKEND/SERVER addr IP [port N]`. Without a port the server keeps its own, or the client's.
    pub fn set_server_address(
        backend: &str,
        server: &str,
        ip: &str,
        port: Option<u16>,
    ) -> Result<Self, UnencodableValue> {
        let port = port.map_or(String::new(), |port| format!(" port {port}"));
        set_server(
            backend,
            server,
            &format!("addr {}{port}", escape_last_word(ip, "set server addr")?),
            ADDRESS_CHANGED,
        )
    }

    /// `set server BACKEND/SERVER check-addr IP`; 3.4 refuses every address.
    pub fn set_server_check_address(backend: &str, server: &str, ip: &str) -> Result<Self, UnencodableValue> {
        let words = format!("check-addr {}", escape_last_word(ip, "set server check-addr")?);
        set_server(backend, server, &words, SuccessMessage::Empty)
    }

    /// `set server BACKEND/SERVER check-port N`.
    pub fn set_server_check_port(backend: &str, server: &str, port: u16) -> Result<Self, UnencodableValue> {
        set_server(backend, server, &format!("check-port {port}"), SuccessMessage::Empty)
    }

    /// `set server BACKEND/SERVER agent-addr IP [port N]`.
    pub fn set_server_agent(
        backend: &str,
        server: &str,
        ip: &str,
        port: Option<u16>,
    ) -> Result<Self, UnencodableValue> {
        let port = port.map_or(String::new(), |port| format!(" port {port}"));
        let words = format!("agent-addr {}{port}", escape_last_word(ip, "set server agent-addr")?);
        set_server(backend, server, &words, SuccessMessage::Empty)
    }

    /// `enable health` or `disable health`: the checks of one server.
    pub fn switch_checks(backend: &str, server: &str, on: bool) -> Result<Self, UnencodableValue> {
        enable_or_disable("health", backend, server, on)
    }

    /// `enable agent` or `disable agent`: the agent check of one server.
    pub fn switch_agent(backend: &str, server: &str, on: bool) -> Result<Self, UnencodableValue> {
        enable_or_disable("agent", backend, server, on)
    }

    /// `add server BACKEND/SERVER ..`. Of what the configuration's `default-server` says it takes nothing.
    pub fn add_server(new: &NewServer) -> Result<Self, UnencodableValue> {
        let what = "add server";
        let ip = escape_word(&new.ip, what)?;
        let ip = if ip.contains(':') { format!("[{ip}]") } else { ip };
        let mut line =
            format!("add server {}/{} {ip}", escape_word(&new.backend, what)?, escape_word(&new.name, what)?);
        let mut put = |words: String| {
            line.push(' ');
            line.push_str(&words);
        };
        put(format!("weight {}", new.weight));
        new.id.into_iter().for_each(|n| put(format!("id {n}")));
        new.maxconn.into_iter().for_each(|n| put(format!("maxconn {n}")));
        new.maxqueue.into_iter().for_each(|n| put(format!("maxqueue {n}")));
        if new.backup {
            put("backup".to_owned());
        }
        if let Some(cookie) = &new.cookie {
            put(format!("cookie {}", escape_last_word(cookie, what)?));
        }
        if new.check {
            put("check".to_owned());
            new.check_port.into_iter().for_each(|n| put(format!("port {n}")));
            if let Some(ip) = &new.check_ip {
                put(format!("addr {}", escape_last_word(ip, what)?));
            }
            new.rise.into_iter().for_each(|n| put(format!("rise {n}")));
            new.fall.into_iter().for_each(|n| put(format!("fall {n}")));
        }
        if let Some(port) = new.agent_port {
            put(format!("agent-check agent-port {port}"));
            if let Some(ip) = &new.agent_ip {
                put(format!("agent-addr {}", escape_last_word(ip, what)?));
            }
        }
        if let Some(port) = new.port {
            // The address is the third word.
            let (head, rest) = line.split_once(" weight ").unwrap_or((&line, ""));
            line = format!("{head}:{port} weight {rest}");
        }
        let shown = format!("add server {}/{}", new.backend, new.name);
        let success = SuccessMessage::OneOf(&["New server registered."]);
        RuntimeChange { line, payload: None, shown, success, answer: ResponseShape::MaybeTerminated }
            .checked()
    }

    /// `del server BACKEND/SERVER`, which takes only one in maintenance.
    pub fn delete_server(backend: &str, server: &str) -> Result<Self, UnencodableValue> {
        let line = format!("del server {}", server_path(backend, server, "del server")?);
        RuntimeChange::non_sensitive(
            line,
            SuccessMessage::OneOf(&["Server deleted."]),
            ResponseShape::Unterminated,
        )
    }
}

fn server_path(backend: &str, server: &str, what: &str) -> Result<String, UnencodableValue> {
    Ok(format!("{}/{}", escape_word(backend, what)?, escape_last_word(server, what)?))
}

fn set_server(
    backend: &str,
    server: &str,
    words: &str,
    success: SuccessMessage,
) -> Result<RuntimeChange, UnencodableValue> {
    let line = format!("set server {} {words}", server_path(backend, server, "set server")?);
    RuntimeChange::non_sensitive(line, success, ResponseShape::MaybeTerminated)
}

fn enable_or_disable(
    what: &str,
    backend: &str,
    server: &str,
    on: bool,
) -> Result<RuntimeChange, UnencodableValue> {
    let verb = if on { "enable" } else { "disable" };
    let line = format!("{verb} {what} {}", server_path(backend, server, verb)?);
    RuntimeChange::non_sensitive(line, SuccessMessage::Empty, ResponseShape::MaybeTerminated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_added_with_all_that_is_known_of_it() {
        let new = NewServer {
            backend: "web".into(),
            name: "d 1".into(),
            ip: "::1".into(),
            port: Some(80),
            weight: 30,
            maxconn: Some(5),
            backup: true,
            check: true,
            check_port: Some(12),
            rise: Some(4),
            cookie: Some("c;1".into()),
            ..NewServer::default()
        };
        let change = RuntimeChange::add_server(&new).unwrap();
        let want =
            "add server web/d\\ 1 [::1]:80 weight 30 maxconn 5 backup cookie c\\;1 check port 12 rise 4";
        assert_eq!(change.to_wire(), want);
        assert_eq!(format!("{change:?}"), "Change(\"add server web/d 1\")");
    }

    #[test]
    fn a_second_command_cannot_be_smuggled_in() {
        for bad in ["s1\nclear counters", "", "<<"] {
            assert!(RuntimeChange::set_server_weight("web", bad, 1).is_err(), "{bad:?}");
        }
        let escaped = RuntimeChange::set_server_weight("web", "a;shutdown sessions", 1).unwrap();
        assert_eq!(escaped.to_wire(), "set server web/a\\;shutdown\\ sessions weight 1");
    }

    #[test]
    fn an_address_that_was_refused_with_a_mere_warning_is_not_taken_for_changed() {
        let change = RuntimeChange::set_server_address("web", "s1", "::1", Some(5)).unwrap();
        assert!(change.classify_response(Ok("Invalid addr 'x'\n".into())).is_err());
        for said in
            ["nothing changed\n", "IP changed from 'a' to 'b' by 'x'\n", "no need to change the addr\n"]
        {
            assert!(change.classify_response(Ok(said.into())).is_ok(), "{said}");
        }
    }
}
