//! Addresses that a reload would add, and who holds them now.

use serde::{Deserialize, Serialize};

use super::Listener;

/// One listener that a reload would add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewBind {
    /// What it would be; none where that is not known.
    pub listener: Option<Listener>,
    /// Its name in messages: its address, or the words of the file.
    pub address: String,
    /// The line that asks for it, as `FILE:LINE`, where that is known.
    pub at: Option<String>,
    /// Whether it can be had.
    pub state: BindState,
}

/// Whether an address can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum BindState {
    /// It can.
    Free,
    /// Another process has it.
    Taken {
        /// Its holders; empty where a socket holds it that no table shows.
        by: Vec<SocketOwner>,
        /// HAProxy would not notice and take it over: it replaces whatever stands at the path of a unix socket.
        silently: bool,
    },
    /// No interface of this host has the address.
    #[serde(rename = "not-here")]
    AddressNotAvailable,
    /// It cannot be had for another reason, or only by destroying something.
    Denied {
        /// The reason.
        why: String,
    },
    /// Not known, and thus not free.
    Unknown {
        /// Why.
        why: String,
    },
}

/// A process that holds an address, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketOwner {
    /// What it holds, which may be more than the address in question.
    pub holds: Listener,
    /// It waits for clients there; otherwise the address is one end of an open connection.
    pub listens: bool,
    /// Its PID, or none where no process could be found.
    pub process: Option<OwnerProcess>,
    /// Who made the socket; not known of unix sockets.
    pub uid: Option<u32>,
    /// Why no process was found.
    pub unseen: Option<String>,
}

/// Which process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerProcess {
    /// Its PID.
    pub pid: u32,
    /// Its command name.
    pub name: String,
    /// Its owner.
    pub uid: u32,
    /// Its owner's name, where there is one.
    pub user: Option<String>,
    /// Its program, and its first argument where that is no option; other arguments may hold secrets.
    pub command: String,
}

impl SocketOwner {
    /// Its name in messages.
    pub fn title(&self) -> String {
        let who = match (&self.process, self.uid) {
            (Some(holder), _) => {
                let user = holder.user.clone().unwrap_or_else(|| format!("uid {}", holder.uid));
                format!("{} (PID {}, {user})", holder.name, holder.pid)
            }
            (None, Some(uid)) => {
                format!("a process of uid {uid} ({})", self.unseen.as_deref().unwrap_or("not found"))
            }
            (None, None) => format!("a process ({})", self.unseen.as_deref().unwrap_or("not found")),
        };
        match self.listens {
            true => who,
            false => format!("an open connection of {who}"),
        }
    }
}

impl BindState {
    /// In words that follow the address.
    pub fn describe(&self, address: Option<&Listener>) -> String {
        match self {
            BindState::Free => "free".to_owned(),
            BindState::AddressNotAvailable => "is on no interface of this host".to_owned(),
            BindState::Denied { why } => why.clone(),
            BindState::Unknown { why } => format!("unknown: {why}"),
            BindState::Taken { by, silently } => {
                let one = |owner: &SocketOwner| match address == Some(&owner.holds) {
                    true => owner.title(),
                    false => format!("{} on {}", owner.title(), owner.holds.short()),
                };
                let who = match by.is_empty() {
                    true => "a socket that is bound and does not listen, whose owner /proc does not show"
                        .to_owned(),
                    false => by.iter().map(one).collect::<Vec<_>>().join(" and "),
                };
                let how = if *silently { ", and HAProxy would take it over silently" } else { "" };
                format!("held by {who}{how}")
            }
        }
    }
}

/// What is in the first and not in the second; both are sorted, each once.
pub fn subtract_listeners(all: &[Listener], without: &[Listener]) -> Vec<Listener> {
    all.iter().filter(|one| without.binary_search(one).is_err()).cloned().collect()
}

/// Listeners as people write them, in order, with neighbouring ports of one address in one word: `10.0.0.1:80-82`.
pub fn format_port_ranges<'a>(listeners: impl IntoIterator<Item = &'a Listener>) -> Vec<String> {
    let mut words: Vec<(&Listener, u16)> = Vec::new();
    for listener in listeners {
        let port = listener.socket_addr().map_or(0, |at| at.port());
        match words.last_mut() {
            Some((first, last))
                if port != 0 && last.checked_add(1) == Some(port) && first.same_ip(listener) =>
            {
                *last = port;
            }
            _ => words.push((listener, port)),
        }
    }
    let word = |(first, last): &(&Listener, u16)| match first.socket_addr() {
        Some(at) if at.port() != *last => format!("{}-{last}", first.short()),
        _ => first.short(),
    };
    words.iter().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ports_of_one_address_are_one_word() {
        let read = |all: &[&str]| all.iter().map(|one| one.parse().unwrap()).collect::<Vec<Listener>>();
        let all = read(&[
            "tcp 10.0.0.1:80",
            "tcp 10.0.0.1:81",
            "tcp 10.0.0.1:83",
            "tcp 10.0.0.2:84",
            "udp 10.0.0.2:85",
            "udp 10.0.0.2:86",
            "unix /a",
            "unix /b",
        ]);
        let expected = ["10.0.0.1:80-81", "10.0.0.1:83", "10.0.0.2:84", "udp 10.0.0.2:85-86", "/a", "/b"];
        assert_eq!(format_port_ranges(&all), expected);
    }
}
