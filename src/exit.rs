//! The exit codes: a public contract, and the only list of them.

use serde::{Deserialize, Serialize, Serializer};

/// What the codes mean for the host, in one line.
pub const CHANGE_RULE: &str =
    "Codes 1 to 7 and 130: nothing was left changed. Code 8: a change was made and could not be verified.";

/// How a run ended; see [`CHANGE_RULE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "u8")]
pub enum Exit {
    /// Done and verified, or nothing to do.
    Done,
    /// Failed; the previous state is verified to be in force.
    Failed,
    /// Usage or configuration error.
    Usage,
    /// Refused by a check, the guard or missing consent.
    Refused,
    /// Differences found (only with `--exit-code`).
    Differs,
    /// Could not determine.
    Unknown,
    /// State changed since the plan was made.
    Stale,
    /// Busy: another run holds the lock, or a freeze file is there.
    Busy,
    /// Changed but not verified, or stopped part-way.
    Unproven,
    /// Interrupted by a signal.
    Interrupted,
}

impl Exit {
    /// Every code, in the order of its number.
    pub const ALL: [Exit; 10] = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Refused,
        Exit::Differs,
        Exit::Unknown,
        Exit::Stale,
        Exit::Busy,
        Exit::Unproven,
        Exit::Interrupted,
    ];

    /// The process status.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::Differs => 4,
            Exit::Unknown => 5,
            Exit::Stale => 6,
            Exit::Busy => 7,
            Exit::Unproven => 8,
            Exit::Interrupted => 130,
        }
    }

    /// The meaning in a few words, as README, man page and `explain exit-codes` show it.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done and verified, or nothing to do",
            Exit::Failed => "failed, the previous state is verified to be in force",
            Exit::Usage => "usage or configuration error",
            Exit::Refused => "refused by a check, the guard or missing consent",
            Exit::Differs => "differences found (only with --exit-code)",
            Exit::Unknown => "could not determine",
            Exit::Stale => "state changed since the plan was made",
            Exit::Busy => "busy: another run holds the lock, or changes are frozen",
            Exit::Unproven => "changed but not verified, or stopped part-way",
            Exit::Interrupted => "interrupted",
        }
    }

    /// What the code means for the host, and what to do next.
    pub fn explanation(self) -> &'static str {
        match self {
            Exit::Done => {
                "The command did what it was asked to do and verified the result, or there was nothing to do. Commands \
                 that only read, plans that could be applied, and checks with nothing worse than warnings also exit \
                 with 0."
            }
            Exit::Failed => {
                "The change was tried and failed, and haguard verified afterwards that the previous state is in force. \
                 The report says what failed and, where clients were refused, for how long. Fix what it names, then \
                 make a new plan. An unexpected error also exits with 1; nothing was changed then."
            }
            Exit::Usage => {
                "The command line or haguard.toml is not valid, or names something that does not exist. Nothing was \
                 done. The message names the word or the line. Run with --config /dev/null to leave the file out, with \
                 its [[pin]] and [[ignore]] tables."
            }
            Exit::Refused => {
                "Something forbids it, and nothing was changed: restart without --break-glass always refuses, a check \
                 failed, an address is taken, the name of another host was typed, or consent was not given. The report \
                 names the reason and the remedy. Without a terminal to ask on, use --plan: it ends with the command \
                 that applies the plan. haguard check exits with 3 when a check failed, haguard guard status when the \
                 guard is not in force."
            }
            Exit::Differs => {
                "The next worker would come up, but it would differ from the running one. Nothing was \
                 changed. The report lists the differences."
            }
            Exit::Unknown => {
                "Something that the answer depends on could not be seen, and an unknown blocks like a failure. Nothing \
                 was changed. The report names it and what is needed: most often root, the path of a socket \
                 (--master-socket), or more time (--timeout)."
            }
            Exit::Stale => {
                "The approved plan no longer fits: the state that it depends on changed, no plan with this id was shown \
                 on this host, or a confirmation came too late. Nothing was done. Look at what changed and make a new \
                 plan with --plan."
            }
            Exit::Busy => {
                "Another run, or a reload that waits for its confirmation, holds this HAProxy, or changes are frozen. \
                 Nothing was changed. The message names the holder, or the freeze file and its text. Wait, run haguard \
                 confirm, or ask the person who froze changes."
            }
            Exit::Unproven => {
                "Look now. A change was made, and part of it is not verified or not put back, or the run stopped \
                 part-way. The report says what is open and gives the commands to check and fix it by hand; an emergency \
                 restart also leaves a folder of evidence. haguard inspect shows what runs, haguard history shows every \
                 step that was taken."
            }
            Exit::Interrupted => {
                "SIGINT or SIGTERM came before any change. A later signal lets the current step finish; the run then \
                 exits with the code of its result."
            }
        }
    }
}

impl Serialize for Exit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

impl TryFrom<u8> for Exit {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        Exit::ALL
            .into_iter()
            .find(|exit| exit.code() == code)
            .ok_or_else(|| format!("{code} is no exit code"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_and_comes_back() {
        for exit in Exit::ALL {
            assert_eq!(Exit::try_from(exit.code()), Ok(exit));
        }
        assert!(Exit::try_from(9).is_err());
    }
}
