//! The guard of a unit, lifted for one restart: a file under /run, which goes with it or with the next boot.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::act::proof::Claim;
use crate::clearance::Clearance;
use crate::clients::systemd::{self, actions, drop_in};
use crate::timeouts;
use crate::wire::systemd::guard_drop_in::BREAK_GLASS_FILE_NAME;

const OVERRIDE_DROP_IN: &str = "# Written by `haguard restart --break-glass` for one restart, and removed after it.\n[Unit]\n\
                    RefuseManualStop=no\n";

/// A guard that is lifted until this is dropped.
#[derive(Debug)]
#[must_use = "the guard is back when this is dropped"]
pub(super) struct GuardOverride {
    clearance: Clearance,
    unit: String,
    file: PathBuf,
    folder_made: bool,
    is_back: bool,
}

impl GuardOverride {
    /// Lifts it, and makes sure that systemd knows. What comes back beside an error is to be taken back.
    pub(super) fn install(unit: &str, clearance: &Clearance) -> (Option<Self>, Result<()>) {
        let file = Path::new("/run/systemd/system").join(format!("{unit}.d")).join(BREAK_GLASS_FILE_NAME);
        // One that a killed run has left is taken over.
        let left = std::fs::read_to_string(&file).is_ok_and(|text| text == OVERRIDE_DROP_IN);
        let folder_made = match drop_in::make_folder(&file, clearance) {
            Ok(made) => made || left,
            Err(error) => return (None, Err(error)),
        };
        if !left && let Err(error) = drop_in::write(&file, OVERRIDE_DROP_IN, clearance) {
            if let Some(folder) = file.parent().filter(|_| folder_made) {
                // It is empty where no other file was written into it.
                let _ = std::fs::remove_dir(folder);
            }
            return (None, Err(error));
        }
        let lifted = GuardOverride {
            clearance: clearance.clone(),
            unit: unit.to_owned(),
            file,
            folder_made,
            is_back: false,
        };
        let known = lifted.verify_loaded();
        (Some(lifted), known)
    }

    fn verify_loaded(&self) -> Result<()> {
        actions::daemon_reload(timeouts::DAEMON_RELOAD, &self.clearance)?;
        let shown = systemd::show(&self.unit, timeouts::SERVICE_QUERY)?;
        ensure!(
            !shown.is_yes("RefuseManualStop"),
            "{} is there and {} still refuses: another drop-in overrules it",
            self.file.display(),
            self.unit
        );
        Ok(())
    }

    fn remove(&mut self) -> Result<()> {
        self.is_back = true;
        drop_in::remove(&self.file, self.folder_made, &self.clearance)?;
        actions::daemon_reload(timeouts::DAEMON_RELOAD, &self.clearance)
    }

    /// Puts the guard back, and says whether systemd refuses again.
    pub(super) fn remove_and_verify(mut self) -> Claim {
        let unit = self.unit.clone();
        let shown = self
            .remove()
            .and_then(|()| systemd::show(&unit, timeouts::SERVICE_QUERY))
            .context("putting the guard back");
        let (after, why) = match &shown {
            Ok(shown) if shown.is_yes("RefuseManualStop") => ("yes".to_owned(), None),
            Ok(shown) => {
                let value = shown.get("RefuseManualStop").to_owned();
                (value.clone(), Some(format!("{unit} says RefuseManualStop={value}: the guard is not back")))
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

impl Drop for GuardOverride {
    fn drop(&mut self) {
        if !self.is_back
            && let Err(error) = self.remove()
        {
            tracing::error!("the guard of {} is not back: {error:#}", self.unit);
        }
    }
}
