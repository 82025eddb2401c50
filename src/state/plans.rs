//! Plans that were shown, kept so that a stale plan is not taken for an unknown id.

use std::path::Path;

use anyhow::Result;
use jiff::SignedDuration;

use super::retention::{Retention, StoredItem};
use super::store::Store;
use crate::plan::Plan;

const FOLDER: &str = "plans";
/// A plan that is older can hardly be applied: what it was made from has changed.
const RETENTION: Retention = Retention { most: 50, max_age: Some(SignedDuration::from_hours(90 * 24)) };

/// Keeps a plan that is about to be shown.
///
/// # Errors
/// When the state folder cannot be written.
pub fn save(state_dir: &Path, plan: &Plan) -> Result<()> {
    let store = Store::new(state_dir);
    let name = file_name(&plan.id);
    store.replace(&format!("{FOLDER}/{name}"), &serde_json::to_vec(plan)?)?;
    let items = store.list(FOLDER).into_iter().map(|entry| StoredItem {
        at: entry.modified,
        in_use: entry.name == name,
        name: entry.name,
    });
    RETENTION.prune(&store, FOLDER, items.collect());
    Ok(())
}

/// The plan that was shown under this id, if it was shown here and is still kept.
pub fn load(state_dir: &Path, id: &str) -> Option<Plan> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let read = || Store::new(state_dir).read(&format!("{FOLDER}/{}", file_name(id))).ok().flatten();
    serde_json::from_slice(&plain.then(read)??).ok()
}

fn file_name(id: &str) -> String {
    format!("{id}.json")
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

    #[test]
    fn the_newest_plans_stay() {
        let dir = tempfile::tempdir().unwrap();
        let facts = test_facts::healthy();
        let plan = plan::reload(&facts, &plan::ledger(&facts), None).unwrap();
        for number in 0..RETENTION.most + 2 {
            save(dir.path(), &Plan { id: format!("{number:010}"), ..plan.clone() }).unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), RETENTION.most);
        let newest = format!("{:010}", RETENTION.most + 1);
        assert_eq!(load(dir.path(), &newest).map(|plan| plan.id), Some(newest));
    }
}
