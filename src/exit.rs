//! The exit codes: a public contract, and the only list of them.

use serde::{Deserialize, Serialize, Serializer};

/// How a run ended. Up to 7 nothing is left changed; from 8 something is.
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
