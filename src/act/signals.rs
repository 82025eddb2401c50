//! Signals while something is changed: the step under way is finished and reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// What was asked of this process by signals, from the moment it was made on.
#[derive(Debug, Clone, Default)]
pub struct Interrupts {
    stop: Arc<AtomicUsize>,
    terminal_lost: Arc<AtomicBool>,
}

impl Interrupts {
    /// Takes SIGINT, SIGTERM and SIGHUP from now on: none of them ends the process by itself any more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn catch() -> Result<Self> {
        let caught = Interrupts::default();
        for signal in [SIGINT, SIGTERM] {
            let number = usize::try_from(signal).context("a signal's number")?;
            flag::register_usize(signal, Arc::clone(&caught.stop), number).context("catching signals")?;
        }
        // A terminal that goes away does not take the operation with it.
        flag::register(SIGHUP, Arc::clone(&caught.terminal_lost)).context("catching SIGHUP")?;
        Ok(caught)
    }

    /// The signal that asked to stop, if one did.
    pub fn stop_signal(&self) -> Option<&'static str> {
        match i32::try_from(self.stop.load(Ordering::SeqCst)) {
            Ok(SIGINT) => Some("SIGINT"),
            Ok(SIGTERM) => Some("SIGTERM"),
            _ => None,
        }
    }

    /// The terminal went away meanwhile.
    pub fn terminal_lost(&self) -> bool {
        self.terminal_lost.load(Ordering::SeqCst)
    }
}
