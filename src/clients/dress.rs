//! What a process may do: read from one, and put on by another that shall be able to do the same and no more.

use anyhow::{Context, Result};
use procfs::process::{LimitValue, Process as Entry};
use rustix::process::{Gid, Resource, Rlimit, Uid, getrlimit, setrlimit};
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

/// CAP_MKNOD: in a container the control group says which devices may be used, and we are not in it.
const MKNOD: u64 = 1 << 27;

/// The user, the capabilities and the limits of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dress {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    inheritable: u64,
    permitted: u64,
    effective: u64,
    bounding: u64,
    ambient: u64,
    no_new_privs: bool,
    /// Limits by the kernel's number of each: soft and hard, none for no limit.
    limits: Vec<(u8, Option<u64>, Option<u64>)>,
}

/// The limits that decide whether a program comes up.
const LIMITS: &[Resource] = &[
    Resource::Nofile,
    Resource::Nproc,
    Resource::As,
    Resource::Data,
    Resource::Stack,
    Resource::Memlock,
    Resource::Fsize,
    Resource::Core,
];

/// No process at all, soft and hard.
const NO_PROCESSES: (u8, Option<u64>, Option<u64>) = (Resource::Nproc as u8, Some(0), Some(0));

impl Dress {
    /// What this process may do. One of a container's gets no right to make device files.
    ///
    /// # Errors
    /// When it has ended, or may not be looked at.
    pub fn of(pid: u32, container: bool) -> Result<Self> {
        let entry = Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?;
        let status = entry.status().with_context(|| format!("/proc/{pid}/status"))?;
        let limits = entry.limits().with_context(|| format!("/proc/{pid}/limits"))?;
        let known = |resource: &Resource| {
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
        let allowed = if container { !MKNOD } else { u64::MAX };
        Ok(Dress {
            uid: status.euid,
            gid: status.egid,
            groups: status.groups,
            inheritable: status.capinh & allowed,
            permitted: status.capprm & allowed,
            effective: status.capeff & allowed,
            bounding: status.capbnd.unwrap_or(u64::MAX) & allowed,
            ambient: status.capamb.unwrap_or(0) & allowed,
            no_new_privs: status.nonewprivs == Some(1),
            // A HAProxy that serves takes the right to start anything from itself; its start had it.
            limits: LIMITS.iter().map(known).filter(|limit| *limit != NO_PROCESSES).collect(),
        })
    }

    /// Makes this thread able to do that and no more, and all that it starts from here on. There is no way back.
    ///
    /// # Errors
    /// When we may do less ourselves.
    pub fn put_on(&self) -> Result<()> {
        self.limit()?;
        let groups: Vec<Gid> = self.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        thread::set_thread_groups(&groups).context("its groups")?;
        for bit in (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| self.bounding & bit == 0) {
            let one = CapabilitySet::from_bits_retain(bit);
            // Beyond the last one that the kernel knows there is nothing to take away.
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

    fn limit(&self) -> Result<()> {
        for (number, current, maximum) in &self.limits {
            let Some(resource) = LIMITS.iter().find(|known| **known as u8 == *number) else { continue };
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
    fn our_own_dress_fits_us_and_a_container_gets_no_devices() {
        let me = std::process::id();
        let own = Dress::of(me, false).unwrap();
        assert_eq!(own.uid, rustix::process::geteuid().as_raw());
        // In a thread of its own, since there is no way back.
        let again = std::thread::spawn(move || {
            let _ = own.put_on();
            Dress::of(me, false).unwrap() == own
        });
        assert!(again.join().unwrap());
        assert_eq!(Dress::of(me, true).unwrap().bounding & MKNOD, 0);
    }
}
