//! Programs that root's haguard runs as somebody else: nothing of that user acts in a program of ours, and nothing of ours
//! is handed to theirs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::NOBODY;
use crate::support::document::finding;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance, binary};
use crate::support::requires::requires;
use crate::support::wait::wait_for;

const TEST: &str = "config.test-same-argv";

/// A HAProxy of nobody's with this environment, and a folder that anybody may write to.
fn theirs(env: &[(&str, &str)]) -> (Instance, TempDir) {
    theirs_in(&["--clear-groups"], env)
}

/// The same, in these groups.
fn theirs_in(groups: &[&str], env: &[(&str, &str)]) -> (Instance, TempDir) {
    let folder = TempDir::with_prefix("hag").unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let words = [&["setpriv", "--reuid", NOBODY, "--regid", NOBODY], groups, &["--"]].concat();
    let mut builder = Instance::builder(Branch::V30).owned_by(NOBODY.parse().unwrap()).through(&words);
    for (name, value) in env {
        builder = builder.env(name, &value.replace("FOLDER", folder.path().to_str().unwrap()));
    }
    (builder.start(), folder)
}

/// The programs that a dynamic loader has started and told of in this folder; the loader of every program does that which
/// has the variables.
fn loaded(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let texts = entries.map(|entry| std::fs::read_to_string(entry.path()).unwrap_or_default());
    let program = |line: &str| Some(line.split_once("initialize program: ")?.1.trim().to_owned());
    texts.flat_map(|text| text.lines().filter_map(program).collect::<Vec<_>>()).collect()
}

#[test]
fn what_their_environment_does_to_a_loader_is_done_to_their_program_alone() {
    requires!(Root, Program("setpriv"), Haproxy(Branch::V30));
    let env = [("LD_DEBUG", "files"), ("LD_DEBUG_OUTPUT", "FOLDER/ld")];
    let (haproxy, folder) = theirs(&env);
    wait_for("its own loader has told", || (!loaded(folder.path()).is_empty()).then_some(()));
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    let document = Haguard::new().json(&["check", TEST], haproxy.master_socket().unwrap());
    assert_eq!(finding(&document, TEST)["level"], "pass", "{document:#}");
    // Not even that of their own program, which is tested in a copy of this host: what it writes goes with the copy.
    assert_eq!(loaded(folder.path()), [""; 0]);
}

#[test]
fn a_list_that_one_of_their_further_groups_opens_is_read_by_the_test_too() {
    requires!(Root, Program("setpriv"), Haproxy(Branch::V30));
    let (mut haproxy, folder) = theirs_in(&["--groups", "4"], &[]);
    let list = folder.path().join("block.lst");
    std::fs::write(&list, "192.0.2.1\n").unwrap();
    std::os::unix::fs::chown(&list, Some(0), Some(4)).unwrap();
    let good = haproxy.config();
    let more = format!("http-request deny if {{ src -f {} }}", list.display());
    haproxy.write_config(&format!("{good}\nfrontend more\n    bind 127.0.0.1:{{port:more}}\n    {more}\n"));
    let level = |mode| {
        std::fs::set_permissions(&list, PermissionsExt::from_mode(mode)).unwrap();
        let found = Haguard::new().json(&["check", TEST], haproxy.master_socket().unwrap());
        finding(&found, TEST)["level"].clone()
    };
    assert_eq!((level(0o640), level(0o600)), ("pass".into(), "fail".into()));
}

#[test]
fn their_program_has_their_rights_a_session_of_its_own_and_nothing_of_our_environment() {
    requires!(Root, Program("setpriv"), Haproxy(Branch::V30));
    let (haproxy, folder) = theirs(&[("OF_THE_MASTER", "x")]);
    let real = binary(Branch::V30);
    let (seen, program) = (folder.path().join("seen"), folder.path().join("haproxy"));
    let script = format!(
        "#!/bin/sh\nset -e\ntold=\"$1 $(id -u) $(id -G) $(($(cut -d' ' -f6 /proc/$$/stat) - $$)) \
         $(env | cut -d= -f1 | grep -v -e PWD -e SHLVL -e '^_$' | sort | xargs)\"\necho $told >>{}\n\
         [ $1 = -c ] && {{ echo \"[ALERT] (1) : $told.\" >&2; exit 1; }}\nexec {} \"$@\"\n",
        seen.display(),
        real.display()
    );
    crate::support::executable::script(&program, &script);
    let haguard = Haguard::new();
    let config = haguard.config(&format!("[haproxy]\nbinary = \"{}\"\n", program.display()));
    let words = ["check", TEST, "--config", config.to_str().unwrap()];
    let document = haguard.json(&words, haproxy.master_socket().unwrap());
    assert_eq!(finding(&document, TEST)["level"], "fail", "{document:#}");
    let seen = std::fs::read_to_string(seen).unwrap();
    let asked = seen.lines().find(|line| line.starts_with("-vv")).unwrap();
    assert_eq!(asked, format!("-vv {NOBODY} {NOBODY} 0 PATH"), "{seen}");
    assert!(!seen.contains("-c "), "the test writes into its copy of this host alone: {seen}");
    let tested = finding(&document, TEST).to_string();
    let (_, tested) = tested.split_once(&format!("-c {NOBODY} {NOBODY} ")).expect("what the script told");
    assert!(tested.contains(" OF_THE_MASTER") && !tested.contains("HAGUARD"), "{document:#}");
}
