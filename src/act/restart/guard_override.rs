//! The guard of a unit, lifted for one restart: a file under /run, which goes with it or with the next boot.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::act::proof::Claim;
use crate::clients::systemd::{self, actions, drop_in};
use crate::wire::systemd::guard_drop_in::LIFT;

const TEXT: &str = "# Written by `haguard restart --break-glass` for one restart, and removed after it.\n[Unit]\n\
                    RefuseManualStop=no\n";
/// A host with thousands of units takes seconds to read them again; one that takes longer than this is in trouble.
const DAEMON_RELOAD: Duration = Duration::from_secs(90);
const SHOW: Duration = Duration::from_secs(10);

/// A guard that is lifted until this is dropped.
#[derive(Debug)]
#[must_use = "the guard is back when this is dropped"]
pub(super) struct Lifted {
    unit: String,
    file: PathBuf,
    folder_made: bool,
    is_back: bool,
}

impl Lifted {
    /// Lifts it, and makes sure that systemd knows. What comes back beside an error is to be taken back.
    pub(super) fn lift(unit: &str) -> (Option<Self>, Result<()>) {
        let file = Path::new("/run/systemd/system").join(format!("{unit}.d")).join(LIFT);
        // One that a killed run has left is taken over.
        let left = std::fs::read_to_string(&file).is_ok_and(|text| text == TEXT);
        let folder_made = match drop_in::make_folder(&file) {
            Ok(made) => made || left,
            Err(error) => return (None, Err(error)),
        };
        if !left && let Err(error) = drop_in::write(&file, TEXT) {
            if let Some(folder) = file.parent().filter(|_| folder_made) {
                // It is empty where nobody else wrote into it.
                let _ = std::fs::remove_dir(folder);
            }
            return (None, Err(error));
        }
        let lifted = Lifted { unit: unit.to_owned(), file, folder_made, is_back: false };
        let known = lifted.known();
        (Some(lifted), known)
    }

    fn known(&self) -> Result<()> {
        actions::daemon_reload(DAEMON_RELOAD)?;
        let shown = systemd::show(&self.unit, SHOW)?;
        ensure!(
            !shown.is("RefuseManualStop"),
            "{} is there and {} still refuses: another drop-in overrules it",
            self.file.display(),
            self.unit
        );
        Ok(())
    }

    fn undo(&mut self) -> Result<()> {
        self.is_back = true;
        drop_in::remove(&self.file, self.folder_made)?;
        actions::daemon_reload(DAEMON_RELOAD)
    }

    /// Puts the guard back, and says whether systemd refuses again.
    pub(super) fn back(mut self) -> Claim {
        let unit = self.unit.clone();
        let shown = self.undo().and_then(|()| systemd::show(&unit, SHOW)).context("putting the guard back");
        let (after, why) = match &shown {
            Ok(shown) if shown.is("RefuseManualStop") => ("yes".to_owned(), None),
            Ok(shown) => {
                let said = shown.get("RefuseManualStop").to_owned();
                (said.clone(), Some(format!("{unit} says RefuseManualStop={said}: the guard is not back")))
            }
            Err(error) => {
                ("unknown".to_owned(), Some(format!("{error:#}; {} may be there", self.file.display())))
            }
        };
        let source = format!("systemctl show {unit}");
        let holds = why.is_none();
        Claim::new("the guard is back: RefuseManualStop", ("yes".to_owned(), after), source, holds, || {
            why.unwrap_or_default()
        })
    }
}

impl Drop for Lifted {
    fn drop(&mut self) {
        if !self.is_back
            && let Err(error) = self.undo()
        {
            tracing::error!("the guard of {} is not back: {error:#}", self.unit);
        }
    }
}
