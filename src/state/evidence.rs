//! Evidence of an operation that did not end well, one folder a run, for whoever has to find out why.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::retention;
use super::store::Store;

/// Writes it into `evidence/RUN`, readable by its owner only. `of` says which HAProxy it is about; see
/// [`retention::instance_key`].
///
/// # Errors
/// When there is evidence of this run already, or the state folder cannot be written.
pub fn write(state_dir: &Path, run: &str, of: &str, files: &[(&str, Vec<u8>)]) -> Result<PathBuf> {
    let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.into())).collect();
    retention::create_run_folder(&Store::new(state_dir), "evidence", run, of, files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn only_its_owner_can_read_it() {
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
