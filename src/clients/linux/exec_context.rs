//! What a process inherits and hands on to a program that it executes.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use procfs::process::Process as Entry;

use super::cgroup;
use crate::known::Known;

/// Lines of /proc/PID/status that tell what it may do.
const STATUS_FIELDS: &[&str] =
    &["Uid", "Gid", "Groups", "Umask", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"];

/// By name, each in one line: its user, rights, limits, folder, control group and place in the queue.
///
/// # Errors
/// When it has ended, or belongs to another user.
pub fn exec_context(pid: u32) -> Result<BTreeMap<String, String>> {
    let read = |name: &str| {
        let path = format!("/proc/{pid}/{name}");
        std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut all = BTreeMap::new();
    for (name, value) in read("status")?.lines().filter_map(|line| line.split_once(':')) {
        if STATUS_FIELDS.contains(&name) {
            all.insert(name.to_owned(), words(value));
        }
    }
    for line in read("limits")?.lines().skip(1) {
        // Its own name is up to 26 characters wide.
        let (name, values) = line.split_at_checked(26).unwrap_or((line, ""));
        all.insert(name.trim().to_owned(), words(values));
    }
    for name in ["cwd", "root"] {
        let path = format!("/proc/{pid}/{name}");
        let target = std::fs::read_link(&path).with_context(|| format!("reading {path}"))?;
        all.insert(name.to_owned(), target.display().to_string());
    }
    if let Known::Seen(group) = cgroup(pid) {
        all.insert("control group".to_owned(), group);
    }
    all.insert("oom_score_adj".to_owned(), words(&read("oom_score_adj")?));
    let nice = Entry::new(i32::try_from(pid)?)?.stat()?.nice;
    all.insert("nice".to_owned(), nice.to_string());
    Ok(all)
}

/// The differences, in words.
pub fn exec_context_differences(
    was: &BTreeMap<String, String>,
    is: &BTreeMap<String, String>,
) -> Vec<String> {
    let other = was.iter().filter(|(name, value)| is.get(*name) != Some(value));
    let words = |(name, value): (&String, &String)| {
        format!("{name} was {value}, is {}", is.get(name).map_or("not there", String::as_str))
    };
    other.map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_are_read() {
        let ours = exec_context(std::process::id()).unwrap();
        assert!(ours["Max open files"].ends_with("files"), "{ours:?}");
        for name in ["Uid", "CapEff", "cwd", "root", "nice", "oom_score_adj"] {
            assert!(ours.contains_key(name), "{name}: {ours:?}");
        }
    }
}
