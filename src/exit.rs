//! The exit codes: a public contract, and the only list of them.

use serde::{Deserialize, Serialize, Serializer};

/// What the numbers say of the host, in one line.
pub const CHANGE_RULE: &str =
    "From 1 to 7, and with 130, nothing is left changed. With 8 something is, without a proof.";

/// How a run ended; see [`CHANGE_RULE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "u8")]
pub enum Exit {
    /// Done and proven, or nothing to do.
    Done,
    /// Failed; the previous state is proven to be in force.
    Failed,
    /// Usage or configuration error.
    Usage,
    /// Refused by guard, check or missing consent.
    Refused,
    /// Differences found (only with `--exit-code`).
    Differs,
    /// Could not determine.
    Unknown,
    /// The world moved since the plan was made.
    Stale,
    /// Busy: another run holds the lock, or a freeze file is there.
    Busy,
    /// Changed but not proven, or stopped part-way.
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

    /// What the code says, in the words of README, man page and `explain exit-codes`.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done and proven, or nothing to do",
            Exit::Failed => "failed, previous state proven in force",
            Exit::Usage => "usage or configuration",
            Exit::Refused => "refused by guard, check or missing consent",
            Exit::Differs => "differences found (only with --exit-code)",
            Exit::Unknown => "could not determine",
            Exit::Stale => "the world moved since the plan",
            Exit::Busy => "busy (lock or freeze file)",
            Exit::Unproven => "changed but not proven, or stopped part-way",
            Exit::Interrupted => "interrupted",
        }
    }

    /// What the code says of the host, and what to do about it: for whoever meets it at night.
    pub fn explanation(self) -> &'static str {
        match self {
            Exit::Done => {
                "What was asked for is done, and a look afterwards proves it; or there was nothing to do. A look, a plan \
                 that could be applied, and checks that found warnings at most end so too."
            }
            Exit::Failed => {
                "It was tried and did not come about, and a look afterwards proves that what ran before is in force. The \
                 report says what failed and for how long clients were refused, if they were. Mend what it names, and \
                 plan again. An error that nobody foresaw ends so too, with nothing changed."
            }
            Exit::Usage => {
                "The command line or haguard.toml could not be understood, or names something that is not there. Nothing \
                 was done. The message names the word or the line. --config /dev/null goes without the file, and without \
                 what is pinned and ignored in it."
            }
            Exit::Refused => {
                "Something stands against it, and nothing was changed: restart refuses always, a check failed, an address \
                 is taken, the name of another host was typed, or nobody consented. The report names what it is and what \
                 would mend it. Where nobody can be asked, --plan ends with the command that applies the plan. haguard \
                 check says so that a check failed, haguard guard status that the guard is not in force."
            }
            Exit::Differs => {
                "Only with --exit-code: it would come up, and not as what runs. Nothing was changed. The report lists what \
                 would come and go."
            }
            Exit::Unknown => {
                "Something that the answer depends on could not be seen, and what is unknown blocks like a failure. Nothing \
                 was changed. The report names it and what would be needed: most often root, a socket that is named with \
                 --master-socket, or more time with --timeout."
            }
            Exit::Stale => {
                "What was approved is not what would be done now: something that the plan rests on has moved, or no plan \
                 of that id was shown on this host, or a confirmation came too late. Nothing was done. Look at what moved, \
                 and make another plan with --plan."
            }
            Exit::Busy => {
                "Another run or a reload that waits for its confirmation holds this HAProxy, or changes are frozen. Nothing \
                 was changed. The message names the holder, or the file and what it says: wait, haguard confirm, or ask \
                 whoever froze them."
            }
            Exit::Unproven => {
                "Look now. Something was done, and not all of it is proven or put back, or it stopped part-way. The report \
                 says what is open and gives the commands to judge and to mend it by hand; an emergency restart leaves a \
                 folder of evidence. haguard inspect shows what runs, haguard history every step that was taken."
            }
            Exit::Interrupted => {
                "SIGINT or SIGTERM came before anything was done. A signal that comes later lets the step under way finish, \
                 and the run ends with the code of what came of it."
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
