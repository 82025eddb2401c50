//! What a process may do: read from one, and put on by another that shall be able to do the same and no more.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use procfs::process::{LimitValue, Process as Entry};
use rustix::process::{Gid, Resource, Rlimit, Uid, getrlimit, setrlimit};
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use super::Account;
use crate::wire::systemd::exec_settings::{ExecSettings, Limit};

/// CAP_MKNOD: in a container the control group says which devices may be used, and we are not in it.
const CAP_MKNOD: u64 = 1 << 27;

/// CAP_NET_BIND_SERVICE: ports that are not for everybody.
const CAP_NET_BIND_SERVICE: u64 = 1 << 10;
/// CAP_SYS_RESOURCE: limits beyond one's own.
const CAP_SYS_RESOURCE: u64 = 1 << 24;

/// The user, the capabilities and the limits of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessCredentials {
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

/// What a unit says that its service is to be.
#[derive(Clone, Copy)]
pub struct UnitCredentials<'a> {
    /// Whom it runs as; none where that is not known, and is as it runs.
    pub account: Option<&'a Account>,
    /// Its properties.
    pub service: &'a ExecSettings,
    /// The groups that the files of this host name.
    pub local_groups: &'a BTreeSet<u32>,
    /// It becomes another user by itself once it runs, so that its own user is no difference.
    pub drops_privileges: bool,
}

/// The limits that decide whether a program comes up, by systemd's names.
const LIMITS: &[(&str, Resource)] = &[
    ("NOFILE", Resource::Nofile),
    ("NPROC", Resource::Nproc),
    ("AS", Resource::As),
    ("DATA", Resource::Data),
    ("STACK", Resource::Stack),
    ("MEMLOCK", Resource::Memlock),
    ("FSIZE", Resource::Fsize),
    ("CORE", Resource::Core),
];

fn limit_name(number: u8) -> &'static str {
    LIMITS.iter().find(|(_, resource)| *resource as u8 == number).map_or("", |(name, _)| name)
}

fn describe_limit(limit: Option<u64>) -> String {
    limit.map_or("infinity".to_owned(), |limit| limit.to_string())
}

/// A limit that a unit sets, as far as systemd itself may set it.
fn unit_limit(limit: Limit, manager: &ProcessCredentials) -> Option<(u8, Option<u64>, Option<u64>)> {
    let (_, resource) = LIMITS.iter().find(|(name, _)| *name == limit.name)?;
    let number = *resource as u8;
    let own = manager.limits.iter().find(|(other, _, _)| *other == number).and_then(|(_, _, hard)| *hard);
    let at_most = |limit: Option<u64>| match own.filter(|_| manager.effective & CAP_SYS_RESOURCE == 0) {
        Some(own) => Some(limit.map_or(own, |limit| limit.min(own))),
        None => limit,
    };
    Some((number, at_most(limit.soft), at_most(limit.hard)))
}

fn describe_difference(what: &str, runs: &str, starts: &str) -> String {
    format!("{what}: now {runs}, after a restart {starts}")
}

/// Which capabilities would come and go, by the kernel's names without CAP_.
fn describe_capability_change(what: &str, was: u64, is: u64) -> String {
    let names = |bits: u64, sign: char| {
        CapabilitySet::from_bits_retain(bits).iter_names().map(move |(name, _)| format!("{sign}{name}"))
    };
    let all: Vec<String> = names(is & !was, '+').chain(names(was & !is, '-')).collect();
    format!("{what}: {}", all.join(" "))
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
    /// What this process may do. One of a container's gets no right to make device files.
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
            // A HAProxy that serves takes the right to start anything from itself; its start had it.
            limits: LIMITS.iter().map(known).filter(|limit| *limit != NPROC_ZERO).collect(),
        })
    }

    /// Makes this thread able to do that and no more, and all that it starts from here on. There is no way back.
    ///
    /// # Errors
    /// When we may do less ourselves.
    pub fn apply(&self) -> Result<()> {
        self.apply_limits()?;
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

    /// The same as a unit has it, and in what that is another one. `manager` is systemd's own, which can give no more than
    /// it has.
    pub fn for_unit(
        &self,
        unit: &UnitCredentials<'_>,
        manager: &ProcessCredentials,
    ) -> (ProcessCredentials, Vec<String>) {
        let (mut dress, mut differs) = (self.clone(), Vec::new());
        let mut other_user = false;
        if let Some(account) = unit.account {
            if (account.uid, account.gid) != (self.uid, self.gid) {
                other_user = true;
                if !unit.drops_privileges {
                    let of = |uid, gid| format!("uid {uid}, gid {gid}");
                    differs.push(describe_difference(
                        "user",
                        &of(self.uid, self.gid),
                        &of(account.uid, account.gid),
                    ));
                }
                dress.groups = account.groups.iter().copied().collect();
            }
            (dress.uid, dress.gid) = (account.uid, account.gid);
            // Who else says in which groups a user is, such as a directory, is not asked, and those groups stay.
            let gone = |gid: &u32| unit.local_groups.contains(gid) && !account.groups.contains(gid);
            let fewer = dress.groups.extract_if(.., |gid| gone(gid)).count();
            if fewer > 0 {
                differs.push(format!("groups: {fewer} fewer"));
            }
            let more: Vec<u32> =
                account.groups.iter().filter(|gid| !dress.groups.contains(gid)).copied().collect();
            if let more @ [_, ..] = &more[..]
                && more != [account.gid]
            {
                differs.push(format!("groups: {} more", more.len()));
                dress.groups.extend(more);
            }
        }
        dress.bounding = unit.service.bounding & manager.bounding;
        dress.ambient = unit.service.ambient & dress.bounding;
        for (what, was, is) in [
            ("capabilities that it can have", self.bounding, dress.bounding),
            ("capabilities that it starts with", self.ambient, dress.ambient),
        ] {
            if was != is {
                differs.push(describe_capability_change(what, was, is));
            }
        }
        if other_user || !differs.is_empty() {
            let own = if dress.uid == 0 { dress.bounding } else { dress.ambient };
            (dress.permitted, dress.effective) = (own, own);
            dress.inheritable = (self.inheritable & !self.ambient & dress.bounding) | dress.ambient;
        }
        if unit.service.no_new_privileges && !self.no_new_privs {
            differs.push(describe_difference("NoNewPrivileges", "no", "yes"));
            dress.no_new_privs = true;
        }
        dress.limits = unit.service.limits.iter().filter_map(|limit| unit_limit(*limit, manager)).collect();
        differs.extend(self.limit_differences(&dress));
        (dress, differs)
    }

    /// HAProxy takes rights from itself after its start, and may raise how many files it opens: of the others only a lower
    /// limit tells anything.
    fn limit_differences(&self, unit: &ProcessCredentials) -> Vec<String> {
        let most = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        let other = unit.limits.iter().filter_map(|(number, _, hard)| {
            let (_, _, runs) = self.limits.iter().find(|(other, _, _)| other == number)?;
            let nofile = *number == Resource::Nofile as u8;
            let differs = if nofile { runs != hard } else { most(*hard) < most(*runs) };
            let name = format!("Limit{}", limit_name(*number));
            differs.then(|| describe_difference(&name, &describe_limit(*runs), &describe_limit(*hard)))
        });
        other.collect()
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

    /// It may bind ports that are not for everybody.
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

    /// Root with everything but the right to raise limits, which is capability 24.
    fn root() -> ProcessCredentials {
        let all = 0x1ff_ffff_ffff & !CAP_SYS_RESOURCE;
        ProcessCredentials {
            uid: 0,
            gid: 0,
            groups: Vec::new(),
            inheritable: 0,
            permitted: all,
            effective: all,
            bounding: all,
            ambient: 0,
            no_new_privs: false,
            limits: vec![(Resource::Nofile as u8, Some(1024), Some(4096))],
        }
    }

    fn service(bounding: u64, ambient: u64, hard: u64) -> ExecSettings {
        let limits = vec![Limit { name: "NOFILE", soft: Some(1024), hard: Some(hard) }];
        let asked = crate::wire::systemd::exec_settings::parse(
            &crate::wire::systemd::exec_settings::tests::bus_replies(),
        )
        .unwrap();
        ExecSettings { bounding, ambient, limits, no_new_privileges: false, ..asked }
    }

    #[test]
    fn a_unit_without_settings_has_the_same_credentials_and_no_more_than_systemd() {
        let service = service(u64::MAX, 0, 1 << 40);
        let (dress, differs) = root().for_unit(
            &UnitCredentials {
                account: None,
                service: &service,
                local_groups: &[5].into(),
                drops_privileges: false,
            },
            &root(),
        );
        assert_eq!((dress, differs), (root(), Vec::new()));
    }

    #[test]
    fn what_a_unit_sets_is_applied_and_named() {
        let service = service(CAP_NET_BIND_SERVICE, CAP_NET_BIND_SERVICE, 500);
        let account = Account { uid: 7, gid: 8, groups: [8, 9].into() };
        let uniform = UnitCredentials {
            account: Some(&account),
            service: &service,
            local_groups: &[5].into(),
            drops_privileges: false,
        };
        let (dress, differs) = root().for_unit(&uniform, &root());
        assert_eq!((dress.uid, dress.gid, &dress.groups[..]), (7, 8, &[8, 9][..]));
        let sets = [dress.bounding, dress.permitted, dress.effective, dress.inheritable, dress.ambient];
        assert_eq!(sets, [CAP_NET_BIND_SERVICE; 5]);
        assert_eq!(differs[0], "user: now uid 0, gid 0, after a restart uid 7, gid 8");
        assert!(differs[1].contains("-CHOWN") && !differs[1].contains("NET_BIND"), "{differs:?}");
        assert_eq!(
            differs[2..],
            [
                "capabilities that it starts with: +NET_BIND_SERVICE",
                "LimitNOFILE: now 4096, after a restart 500"
            ]
        );
    }

    #[test]
    fn a_group_that_a_unit_took_away_is_gone_and_one_that_a_directory_may_give_stays() {
        let service = service(u64::MAX, 0, 1 << 40);
        let account = Account { uid: 0, gid: 0, groups: [0, 4].into() };
        let runs = ProcessCredentials { groups: vec![0, 4, 5, 6000], ..root() };
        let uniform = UnitCredentials {
            account: Some(&account),
            service: &service,
            local_groups: &[0, 4, 5].into(),
            drops_privileges: false,
        };
        let (dress, differs) = runs.for_unit(&uniform, &root());
        assert_eq!(
            (&dress.groups[..], &differs[..]),
            (&[0, 4, 6000][..], &["groups: 1 fewer".to_owned()][..])
        );
    }

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
