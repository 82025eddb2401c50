//! Evidence of something that did not come out well, in one folder, for whoever has to find out why.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{loaded_configs, retention};

/// Writes it into a folder of its own under `evidence`, readable by its owner only. `of` says which HAProxy it is about;
/// see [`retention::instance_key`].
///
/// # Errors
/// When the state folder cannot be written.
pub fn write(state_dir: &Path, run: &str, of: &str, files: &[(&str, Vec<u8>)]) -> Result<PathBuf> {
    let folder = state_dir.join("evidence").join(run);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("making {}", folder.display()))?;
    for (name, bytes) in files {
        loaded_configs::write(&folder.join(name), bytes)?;
    }
    retention::tag_and_prune(&folder, of)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn nobody_else_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = write(dir.path(), "1-2", "a", &[("report.json", b"{}".to_vec())]).unwrap();
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(folder.clone()), mode(folder.join("report.json"))), (0o700, 0o600));
        assert!(
            write(dir.path(), "1-2", "a", &[("report.json", Vec::new())]).is_err(),
            "nothing is overwritten"
        );
    }
}
