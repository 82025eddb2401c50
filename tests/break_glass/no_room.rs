//! No room for the snapshot. A limit on the size of files stands for a full disk: it is this run's alone, and what was
//! written half-way is there as it is on a full disk.

use super::{BREAK_GLASS, end, host, unwrapped};
use crate::support::document::as_text;
use crate::support::haguard::Haguard;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;

#[test]
fn a_snapshot_that_cannot_be_kept_leaves_nothing_of_it_and_haproxy_as_it_is() {
    requires!(Root, Haproxy(Branch::V32));
    let mut bench = BREAK_GLASS.start(Branch::V32);
    let comments = "# a line that takes room\n".repeat(2000);
    let text = bench.haproxy.config() + &comments;
    bench.haproxy.write_config(&text);
    // The signal that tells of it would end the run.
    let limited = "trap '' XFSZ; exec prlimit --fsize=40000: \"$@\"";
    let limited = Haguard::through(&["sh", "-c", limited, "sh"]);
    let run = |haguard: &Haguard, more: &[&str]| {
        let host = host();
        let glass = ["--break-glass", &host, "--reason", "INC-3"];
        haguard.run(bench.arguments(&[&glass, more].concat()))
    };
    let plan = run(&limited, &["--plan", "-o", "json"]).json();
    assert_eq!(plan["exit"], 0, "{plan:#}");
    let (main, worker) = (bench.main(), bench.haproxy.worker_pid());
    let said = run(&limited, &["--approve", as_text(&plan["plan"]["id"])]);
    assert_eq!(said.status, 5, "{said}");
    let text = unwrapped(&said.stdout);
    let snapshots = limited.home().join("state/snapshots");
    for words in [
        "Nothing was changed: the snapshot could not be kept: writing",
        "File too large",
        "nothing was changed.",
    ] {
        assert!(text.contains(words), "`{words}` in {said}");
    }
    assert!(text.contains(&snapshots.display().to_string()), "{said}");
    assert_eq!(std::fs::read_dir(&snapshots).unwrap().count(), 0, "nothing of it is left");
    assert_eq!((bench.main(), bench.haproxy.worker_pid()), (main, worker));
    // With room it is the same plan, and it is carried out.
    let done = run(&bench.haguard, &["--approve", as_text(&plan["plan"]["id"]), "-o", "json"]).json();
    end(u32::try_from(done["restart"]["main"].as_u64().unwrap()).unwrap());
    assert_eq!(done["exit"], 0, "{done:#}");
}
