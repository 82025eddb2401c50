//! Plans that were shown to somebody: kept, so that a stale one can be told apart from one that never was.

use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result};

use crate::plan::Plan;

/// More plans than this are forgotten, oldest first.
const MAX_PLANS: usize = 50;

/// Keeps a plan that is about to be shown.
///
/// # Errors
/// When the state folder cannot be written.
pub fn save(state_dir: &Path, plan: &Plan) -> Result<()> {
    let folder = state_dir.join("plans");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("making {}", folder.display()))?;
    let path = folder.join(format!("{}.json", plan.id));
    let fresh = folder.join(format!("{}.{}.fresh", plan.id, std::process::id()));
    let shown = fresh.display();
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&fresh)
        .with_context(|| format!("writing {shown}"))?;
    file.write_all(&serde_json::to_vec(plan)?).with_context(|| format!("writing {shown}"))?;
    std::fs::rename(&fresh, &path).with_context(|| format!("writing {}", path.display()))?;
    prune(&folder);
    Ok(())
}

fn prune(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<_> =
        entries.filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path()))).collect();
    all.sort();
    for (_, path) in all.iter().take(all.len().saturating_sub(MAX_PLANS)) {
        let _ = std::fs::remove_file(path);
    }
}

/// The plan that was shown under this id, if it was shown here and is still kept.
pub fn load(state_dir: &Path, id: &str) -> Option<Plan> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let text = std::fs::read(state_dir.join("plans").join(format!("{id}.json"))).ok().filter(|_| plain)?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;
    use crate::plan;

    #[test]
    fn a_plan_that_was_shown_comes_back_and_a_path_is_no_id() {
        let dir = tempfile::tempdir().unwrap();
        let facts = test_facts::healthy();
        let plan = plan::reload(&facts, &plan::ledger(&facts), None).unwrap();
        save(dir.path(), &plan).unwrap();
        assert_eq!(load(dir.path(), &plan.id), Some(plan.clone()));
        assert_eq!(load(dir.path(), "0123456789"), None);
        std::fs::copy(dir.path().join(format!("plans/{}.json", plan.id)), dir.path().join("x.json")).unwrap();
        assert_eq!(load(dir.path(), "../x"), None);
    }
}
