//! Colour, where the reader wants it. Words always carry the meaning; colour only helps the eye.

use anstyle::{AnsiColor, Style};

use crate::checks::Level;
use crate::plan::Fate;

/// What stands in place of a level where somebody lives with the finding.
pub(in crate::report) const IGNORED: &str = "! ignored";

/// Paints, or does not.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    /// Escape sequences are wanted.
    pub color: bool,
}

impl Paint {
    fn with(self, style: Style, text: &str) -> String {
        match self.color {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    /// A heading.
    pub fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// A refusal or a failure.
    pub fn bad(self, text: &str) -> String {
        self.with(Style::new().bold().fg_color(Some(AnsiColor::Red.into())), text)
    }

    fn good(self, text: &str) -> String {
        self.with(Style::new().fg_color(Some(AnsiColor::Green.into())), text)
    }

    fn caution(self, text: &str) -> String {
        self.with(Style::new().fg_color(Some(AnsiColor::Yellow.into())), text)
    }

    /// What is there for reference.
    pub fn faint(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// The word of a level, padded to its column.
    pub fn level(self, level: Level, width: usize) -> String {
        let word = format!("{:<width$}", level.word());
        match level {
            Level::Pass => self.good(&word),
            Level::Warn | Level::Unknown => self.caution(&word),
            Level::Fail => self.bad(&word),
            Level::Skipped => self.faint(&word),
        }
    }

    /// The word of a finding that somebody lives with, padded to its column.
    pub fn ignored(self, width: usize) -> String {
        self.caution(&format!("{IGNORED:<width$}"))
    }

    /// The word of a fate.
    pub fn fate(self, fate: Fate) -> String {
        match fate {
            Fate::Kept => self.good(fate_word(fate)),
            Fate::Unknown => self.caution(fate_word(fate)),
            Fate::Lost => self.bad(fate_word(fate)),
        }
    }
}

/// What the ledger's columns say.
pub fn fate_word(fate: Fate) -> &'static str {
    match fate {
        Fate::Kept => "kept",
        Fate::Unknown => "unknown",
        Fate::Lost => "LOST",
    }
}
