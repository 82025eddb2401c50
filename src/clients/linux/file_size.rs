//! The limit of the size of a file (`ulimit -f`): the caller's must not end us, nor judge what we start.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};

/// SIGXFSZ, as every architecture has it on which this is built but MIPS.
const SIGXFSZ: i32 = 25;

/// A write beyond the limit fails with EFBIG from now on; without a handler the signal ends the process.
pub fn make_an_error() {
    if let Err(error) = signal_hook::flag::register(SIGXFSZ, Arc::default()) {
        tracing::debug!(%error, "SIGXFSZ is not caught");
    }
}

/// Takes the limit away, as root may: files in a sealed copy are written by us, and the program gets its own limit.
pub fn lift() {
    let _ = setrlimit(Resource::Fsize, Rlimit { current: None, maximum: None });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_one_of_this_system() {
        assert_eq!(signal_hook::low_level::signal_name(SIGXFSZ), Some("SIGXFSZ"));
    }
}
