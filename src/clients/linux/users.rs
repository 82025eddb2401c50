//! Users and their groups: by name, from the files of this host, and as a process has them.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use procfs::process::Process as Entry;
use serde::{Deserialize, Serialize};

/// User and groups of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Every group that it is in.
    pub groups: BTreeSet<u32>,
}

impl Account {
    /// A user, in a group that opens nothing.
    pub fn unprivileged(uid: u32) -> Self {
        Account { uid, gid: NOGROUP, groups: BTreeSet::new() }
    }
}

/// The group `nogroup`, which owns no files.
const NOGROUP: u32 = 65534;

/// The account of a user (root where it is empty) with this group (the user's own where it is empty), and with more groups.
///
/// # Errors
/// When a name is not in the files: another service may know it.
pub fn find_account(user: &str, group: &str, more: &[String]) -> Result<Account> {
    let passwd = std::fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    let names = std::fs::read_to_string("/etc/group").context("reading /etc/group")?;
    parse_account(&passwd, &names, if user.is_empty() { "root" } else { user }, group, more)
}

/// The account that a process has, with every group that was given to it: its files may be open to one of those alone.
///
/// # Errors
/// When it has ended.
pub fn process_account(pid: u32) -> Result<Account> {
    let entry = Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?;
    let status = entry.status().with_context(|| format!("the user and the groups of PID {pid}"))?;
    Ok(Account { uid: status.euid, gid: status.egid, groups: status.groups.into_iter().collect() })
}

/// The groups that the files of this host name: who is in one of them, they say.
pub fn local_groups() -> BTreeSet<u32> {
    let names = std::fs::read_to_string("/etc/group").unwrap_or_default();
    names.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect()
}

fn parse_account(passwd: &str, groups: &str, user: &str, group: &str, more: &[String]) -> Result<Account> {
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let users: Vec<Vec<String>> = passwd.lines().map(fields).filter(|fields| fields.len() >= 4).collect();
    let groups: Vec<Vec<String>> = groups.lines().map(fields).filter(|fields| fields.len() >= 4).collect();
    let is = |fields: &Vec<String>, name: &str| fields[0] == name || fields[2] == name;
    let found = users.iter().find(|fields| is(fields, user));
    let found = found.with_context(|| format!("user {user} is not in /etc/passwd"))?;
    let gid_of = |name: &str| match groups.iter().find(|fields| is(fields, name)) {
        Some(fields) => fields[2].parse().with_context(|| format!("the number of group {name}")),
        None => name.parse().with_context(|| format!("group {name} is not in /etc/group")),
    };
    let uid = found[2].parse().with_context(|| format!("the number of user {user}"))?;
    let gid = gid_of(if group.is_empty() { &found[3] } else { group })?;
    let member = |fields: &&Vec<String>| fields[3].split(',').any(|name| name == found[0]);
    let mut all: BTreeSet<u32> =
        groups.iter().filter(member).filter_map(|fields| fields[2].parse().ok()).collect();
    all.insert(gid);
    for name in more {
        all.insert(gid_of(name)?);
    }
    Ok(Account { uid, gid, groups: all })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_its_group_and_the_groups_that_name_it() {
        let passwd = "root:x:0:0::/root:/bin/sh\nhaproxy:x:101:102::/:/bin/false\n";
        let group = "root:x:0:\nadm:x:4:haproxy,joe\nhaproxy:x:102:\ntty:x:5:\n";
        let find = |user: &str, own: &str, more: &[&str]| {
            let more: Vec<String> = more.iter().map(|name| (*name).to_owned()).collect();
            parse_account(passwd, group, user, own, &more)
        };
        let account =
            |uid, gid, groups: &[u32]| Account { uid, gid, groups: groups.iter().copied().collect() };
        assert_eq!(find("haproxy", "", &["tty"]).unwrap(), account(101, 102, &[4, 5, 102]));
        assert_eq!(find("101", "adm", &[]).unwrap(), account(101, 4, &[4]));
        assert_eq!(find("root", "", &[]).unwrap(), account(0, 0, &[0]));
        assert!(find("joe", "", &[]).unwrap_err().to_string().contains("joe"));
        assert!(find("root", "", &["none"]).is_err());
    }
}
