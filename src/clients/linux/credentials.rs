//! User, capabilities and limits: read from one process, and applied to another that shall be able to do the same and no
//! more.

use anyhow::{Context, Result};
use procfs::process::{LimitValue, Process as Entry};
use rustix::process::{Gid, Resource, Rlimit, Uid, getrlimit, setrlimit};
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use super::Account;

/// CAP_MKNOD: the control group of a container restricts device files, and haguard is not in that group.
const CAP_MKNOD: u64 = 1 << 27;

/// CAP_NET_BIND_SERVICE: ports below ip_unprivileged_port_start.
pub(super) const CAP_NET_BIND_SERVICE: u64 = 1 << 10;
/// CAP_SYS_RESOURCE: limits beyond one's own.
pub(super) const CAP_SYS_RESOURCE: u64 = 1 << 24;

/// The user, the capabilities and the limits of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessCredentials {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
    pub(super) inheritable: u64,
    pub(super) permitted: u64,
    pub(super) effective: u64,
    pub(super) bounding: u64,
    pub(super) ambient: u64,
    pub(super) no_new_privs: bool,
    /// Limits by the kernel's number of each: soft and hard, none for no limit.
    pub(super) limits: Vec<(u8, Option<u64>, Option<u64>)>,
}

/// The limits that decide whether a program comes up, by systemd's names.
pub(super) const LIMITS: &[(&str, Resource)] = &[
    ("NOFILE", Resource::Nofile),
    ("NPROC", Resource::Nproc),
    ("AS", Resource::As),
    ("DATA", Resource::Data),
    ("STACK", Resource::Stack),
    ("MEMLOCK", Resource::Memlock),
    ("FSIZE", Resource::Fsize),
    ("CORE", Resource::Core),
];

pub(super) fn limit_name(number: u8) -> &'static str {
    LIMITS.iter().find(|(_, resource)| *resource as u8 == number).map_or("", |(name, _)| name)
}

pub(super) fn describe_limit(limit: Option<u64>) -> String {
    limit.map_or("infinity".to_owned(), |limit| limit.to_string())
}

/// All of it in one line, to be compared with another.
impl std::fmt::Display for ProcessCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ProcessCredentials { uid, gid, groups, bounding, ambient, no_new_privs, limits, .. } = self;
        write!(f, "uid {uid}, gid {gid}, groups {groups:?}, bounding {bounding:x}, ambient {ambient:x}")?;
        write!(f, "{}", if *no_new_privs { ", no new privileges" } else { "" })?;
        for (number, soft, hard) in limits {
            write!(f, ", {} {}:{}", limit_name(*number), describe_limit(*soft), describe_limit(*hard))?;
        }
        Ok(())
    }
}

/// No process at all, soft and hard.
const NPROC_ZERO: (u8, Option<u64>, Option<u64>) = (Resource::Nproc as u8, Some(0), Some(0));

impl ProcessCredentials {
    /// The credentials of this process; without CAP_MKNOD for one in a container.
    ///
    /// # Errors
    /// When it has ended, or may not be looked at.
    pub fn from_pid(pid: u32, container: bool) -> Result<Self> {
        let entry = Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?;
        let status = entry.status().with_context(|| format!("/proc/{pid}/status"))?;
        let limits = entry.limits().with_context(|| format!("/proc/{pid}/limits"))?;
        let known = |(_, resource): &(&str, Resource)| {
            let limit = match resource {
                Resource::Nofile => limits.max_open_files,
                Resource::Nproc => limits.max_processes,
                Resource::As => limits.max_address_space,
                Resource::Data => limits.max_data_size,
                Resource::Stack => limits.max_stack_size,
                Resource::Memlock => limits.max_locked_memory,
                Resource::Fsize => limits.max_file_size,
                _ => limits.max_core_file_size,
            };
            let value = |value| match value {
                LimitValue::Value(value) => Some(value),
                LimitValue::Unlimited => None,
            };
            (*resource as u8, value(limit.soft_limit), value(limit.hard_limit))
        };
        let allowed = if container { !CAP_MKNOD } else { u64::MAX };
        Ok(ProcessCredentials {
            uid: status.euid,
            gid: status.egid,
            groups: status.groups,
            inheritable: status.capinh & allowed,
            permitted: status.capprm & allowed,
            effective: status.capeff & allowed,
            bounding: status.capbnd.unwrap_or(u64::MAX) & allowed,
            ambient: status.capamb.unwrap_or(0) & allowed,
            no_new_privs: status.nonewprivs == Some(1),
            // HAProxy sets RLIMIT_NPROC to 0 for itself after its start; a new start must not have that limit.
            limits: LIMITS.iter().map(known).filter(|limit| *limit != NPROC_ZERO).collect(),
        })
    }

    /// Applies them to this thread and all that it starts from here on, which cannot be undone.
    ///
    /// # Errors
    /// When we may do less ourselves.
    pub fn apply(&self) -> Result<()> {
        self.apply_limits()?;
        let groups: Vec<Gid> = self.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        thread::set_thread_groups(&groups).context("its groups")?;
        for bit in (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| self.bounding & bit == 0) {
            let one = CapabilitySet::from_bits_retain(bit);
            // Bits beyond the last capability of this kernel are an error.
            if thread::capability_is_in_bounding_set(one).unwrap_or(false) {
                thread::remove_capability_from_bounding_set(one).context("its bounding set")?;
            }
        }
        thread::set_keep_capabilities(true).context("keeping capabilities")?;
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        thread::set_thread_res_gid(gid, gid, gid).context("its group")?;
        thread::set_thread_res_uid(uid, uid, uid).context("its user")?;
        let set = CapabilitySet::from_bits_retain;
        let sets = CapabilitySets {
            effective: set(self.effective),
            permitted: set(self.permitted),
            inheritable: set(self.inheritable),
        };
        thread::set_capabilities(None, sets).context("its capabilities")?;
        thread::clear_ambient_capability_set().context("its ambient capabilities")?;
        for bit in (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| self.ambient & bit != 0) {
            thread::configure_capability_in_ambient_set(set(bit), true)
                .context("its ambient capabilities")?;
        }
        if self.no_new_privs {
            thread::set_no_new_privs(true).context("no new privileges")?;
        }
        Ok(())
    }

    /// The user with all its groups.
    pub fn account(&self) -> Account {
        Account { uid: self.uid, gid: self.gid, groups: self.groups.iter().copied().collect() }
    }

    /// The user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Its group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// It may bind ports below ip_unprivileged_port_start.
    pub fn can_bind_low_ports(&self) -> bool {
        self.effective & CAP_NET_BIND_SERVICE != 0
    }

    fn apply_limits(&self) -> Result<()> {
        for (number, current, maximum) in &self.limits {
            let known = LIMITS.iter().find(|(_, resource)| *resource as u8 == *number);
            let Some((_, resource)) = known else { continue };
            let wanted = Rlimit { current: *current, maximum: *maximum };
            if getrlimit(*resource) != wanted {
                setrlimit(*resource, wanted).with_context(|| format!("its limit {resource:?}"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_credentials_can_be_applied_and_a_container_gets_no_devices() {
        let me = std::process::id();
        let own = ProcessCredentials::from_pid(me, false).unwrap();
        assert_eq!(own.uid, rustix::process::geteuid().as_raw());
        // In a thread of its own, since there is no way back.
        let again = std::thread::spawn(move || {
            let _ = own.apply();
            ProcessCredentials::from_pid(me, false).unwrap() == own
        });
        assert!(again.join().unwrap());
        assert_eq!(ProcessCredentials::from_pid(me, true).unwrap().bounding & CAP_MKNOD, 0);
    }
}
