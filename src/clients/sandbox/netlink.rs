//! Network interfaces of a sandbox, over netlink: loopback is set up, and interfaces that binds name are created.

use anyhow::{Context, Result, bail};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

const RTM_NEWLINK: u16 = 16;
const REQUEST_AND_ACK: u16 = 0x1 | 0x4;
const CREATE_NEW: u16 = 0x200 | 0x400;
const IFF_UP: u32 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
/// The number of loopback in every network namespace.
const LOOPBACK: i32 = 1;
/// Kinds of link that need no partner; a kernel may have none or some of them.
const LINK_KINDS: &[&str] = &["dummy", "bridge", "ifb"];

/// `ip link set lo up`.
pub(super) fn raise_loopback() -> Result<()> {
    send_request(REQUEST_AND_ACK, LOOPBACK, IFF_UP, &[])
}

/// Makes an interface of this name.
pub(super) fn create_interface(name: &str) -> Result<()> {
    let mut last = None;
    for kind in LINK_KINDS {
        let info = attribute(IFLA_INFO_KIND, kind.as_bytes());
        let mut attributes = attribute(IFLA_IFNAME, &[name.as_bytes(), &[0]].concat());
        attributes.extend(attribute(IFLA_LINKINFO, &info));
        match send_request(REQUEST_AND_ACK | CREATE_NEW, 0, 0, &attributes) {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("no kind of link to try")?).with_context(|| format!("making an interface {name}"))
}

/// Length, type, value, and up to the next multiple of four.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// One message: a header of 16 bytes, an `ifinfomsg` of 16, then attributes; and the kernel's answer to it.
fn send_request(flags: u16, index: i32, link_flags: u32, attributes: &[u8]) -> Result<()> {
    // Protocol 0 is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let length = u32::try_from(32 + attributes.len())?;
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]); // sequence and sender
    message.extend([0; 4]); // family, padding, type
    message.extend(index.to_ne_bytes());
    message.extend(link_flags.to_ne_bytes());
    message.extend(link_flags.to_ne_bytes()); // mask: the flags to change
    message.extend(attributes);
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 1024];
    let (_, length) = recv(&socket, answer.as_mut_slice(), RecvFlags::empty())?;
    let status = answer.get(16..20).filter(|_| length >= 20).context("a short answer of the kernel's")?;
    match i32::from_ne_bytes(status.try_into()?) {
        0 => Ok(()),
        code => bail!("the kernel says {}", std::io::Error::from_raw_os_error(-code)),
    }
}
