//! The credentials that a unit would give to its service, and how they differ from those of a process.

use std::collections::BTreeSet;

use rustix::process::Resource;
use rustix::thread::CapabilitySet;

use super::Account;
use super::credentials::{CAP_SYS_RESOURCE, LIMITS, ProcessCredentials, describe_limit, limit_name};
use crate::wire::systemd::exec_settings::{ExecSettings, Limit};

/// The settings of a unit.
#[derive(Clone, Copy)]
pub struct UnitCredentials<'a> {
    /// Its account; none where that is not known, and taken to be as it runs.
    pub account: Option<&'a Account>,
    /// Its properties.
    pub service: &'a ExecSettings,
    /// The groups that the files of this host name.
    pub local_groups: &'a BTreeSet<u32>,
    /// HAProxy changes to another user by itself, so that its own user is no difference.
    pub drops_privileges: bool,
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

impl ProcessCredentials {
    /// The credentials that the unit would give, and how they differ. `manager` is systemd's own, which can give no more
    /// than it has.
    pub fn for_unit(
        &self,
        unit: &UnitCredentials<'_>,
        manager: &ProcessCredentials,
    ) -> (ProcessCredentials, Vec<String>) {
        let (mut started, mut differs) = (self.clone(), Vec::new());
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
                started.groups = account.groups.iter().copied().collect();
            }
            (started.uid, started.gid) = (account.uid, account.gid);
            // A directory (LDAP) may add groups that /etc/group does not have; it is not asked, so those groups stay.
            let gone = |gid: &u32| unit.local_groups.contains(gid) && !account.groups.contains(gid);
            let fewer = started.groups.extract_if(.., |gid| gone(gid)).count();
            if fewer > 0 {
                differs.push(format!("groups: {fewer} fewer"));
            }
            let more: Vec<u32> =
                account.groups.iter().filter(|gid| !started.groups.contains(gid)).copied().collect();
            if let more @ [_, ..] = &more[..]
                && more != [account.gid]
            {
                differs.push(format!("groups: {} more", more.len()));
                started.groups.extend(more);
            }
        }
        started.bounding = unit.service.bounding & manager.bounding;
        started.ambient = unit.service.ambient & started.bounding;
        for (what, was, is) in [
            ("capabilities that it can have", self.bounding, started.bounding),
            ("capabilities that it starts with", self.ambient, started.ambient),
        ] {
            if was != is {
                differs.push(describe_capability_change(what, was, is));
            }
        }
        if other_user || !differs.is_empty() {
            let own = if started.uid == 0 { started.bounding } else { started.ambient };
            (started.permitted, started.effective) = (own, own);
            started.inheritable = (self.inheritable & !self.ambient & started.bounding) | started.ambient;
        }
        if unit.service.no_new_privileges && !self.no_new_privs {
            differs.push(describe_difference("NoNewPrivileges", "no", "yes"));
            started.no_new_privs = true;
        }
        started.limits = unit.service.limits.iter().filter_map(|limit| unit_limit(*limit, manager)).collect();
        differs.extend(self.limit_differences(&started));
        (started, differs)
    }

    /// HAProxy lowers limits of its own after its start, and may raise RLIMIT_NOFILE: of the others only a lower limit of the
    /// unit is a difference.
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
}

#[cfg(test)]
mod tests {
    use super::super::credentials::CAP_NET_BIND_SERVICE;
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
        let (started, differs) = root().for_unit(
            &UnitCredentials {
                account: None,
                service: &service,
                local_groups: &[5].into(),
                drops_privileges: false,
            },
            &root(),
        );
        assert_eq!((started, differs), (root(), Vec::new()));
    }

    #[test]
    fn what_a_unit_sets_is_applied_and_named() {
        let service = service(CAP_NET_BIND_SERVICE, CAP_NET_BIND_SERVICE, 500);
        let account = Account { uid: 7, gid: 8, groups: [8, 9].into() };
        let unit = UnitCredentials {
            account: Some(&account),
            service: &service,
            local_groups: &[5].into(),
            drops_privileges: false,
        };
        let (started, differs) = root().for_unit(&unit, &root());
        assert_eq!((started.uid, started.gid, &started.groups[..]), (7, 8, &[8, 9][..]));
        let sets =
            [started.bounding, started.permitted, started.effective, started.inheritable, started.ambient];
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
        let unit = UnitCredentials {
            account: Some(&account),
            service: &service,
            local_groups: &[0, 4, 5].into(),
            drops_privileges: false,
        };
        let (started, differs) = runs.for_unit(&unit, &root());
        assert_eq!(
            (&started.groups[..], &differs[..]),
            (&[0, 4, 6000][..], &["groups: 1 fewer".to_owned()][..])
        );
    }
}
