//! Colour, where the reader wants it. Words always carry the meaning; colour only helps the eye.

use anstyle::{AnsiColor, Style};

use crate::checks::Level;
use crate::plan::Effect;

/// Shown in place of the level of an ignored finding.
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

    /// Less important text.
    pub fn faint(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// The word of a level, padded to its column.
    pub fn level(self, level: Level, width: usize) -> String {
        let word = format!("{:<width$}", level.label());
        match level {
            Level::Pass => self.good(&word),
            Level::Warn | Level::Unknown => self.caution(&word),
            Level::Fail => self.bad(&word),
            Level::Skipped => self.faint(&word),
        }
    }

    /// The word of an ignored finding, padded to its column.
    pub fn ignored(self, width: usize) -> String {
        self.caution(&format!("{IGNORED:<width$}"))
    }

    /// The word of an effect.
    pub fn effect(self, fate: Effect) -> String {
        match fate {
            Effect::Kept => self.good(effect_label(fate)),
            Effect::Unknown => self.caution(effect_label(fate)),
            Effect::Lost => self.bad(effect_label(fate)),
        }
    }
}

/// The words in the columns of the ledger.
pub fn effect_label(fate: Effect) -> &'static str {
    match fate {
        Effect::Kept => "kept",
        Effect::Unknown => "unknown",
        Effect::Lost => "LOST",
    }
}
