//! The guard of a unit, lifted for one restart: a file under /run, which goes with it or with the next boot.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::act::claims::Claim;
use crate::clients::systemd::{self, change, drop_in};

/// Later than every name that a guard has.
const NAME: &str = "99-haguard-break-glass.conf";
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
    /// Lifts it, and makes sure that systemd knows.
    pub(super) fn lift(unit: &str) -> Result<Self> {
        let file = Path::new("/run/systemd/system").join(format!("{unit}.d")).join(NAME);
        let folder_made = drop_in::make_folder(&file)?;
        // One that a killed run has left is taken over.
        let left = std::fs::read_to_string(&file).is_ok_and(|text| text == TEXT);
        let lifted = Lifted { unit: unit.to_owned(), file, folder_made, is_back: false };
        if !left {
            drop_in::write(&lifted.file, TEXT)?;
        }
        change::daemon_reload(DAEMON_RELOAD)?;
        let shown = systemd::show(unit, SHOW)?;
        ensure!(
            !shown.is("RefuseManualStop"),
            "{} is there and {unit} still refuses: another drop-in overrules it",
            lifted.file.display()
        );
        Ok(lifted)
    }

    fn undo(&mut self) -> Result<()> {
        self.is_back = true;
        drop_in::remove(&self.file, self.folder_made)?;
        change::daemon_reload(DAEMON_RELOAD)
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
