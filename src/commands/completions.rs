//! `completions` prints a shell's completion script.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{generate, shells};

use super::Cli;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell to write the script for
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The shells that have a completion script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// The script.
pub(super) fn run(args: &CompletionsArgs) -> String {
    let mut command = Cli::command();
    let mut script = Vec::new();
    match args.shell {
        Shell::Bash => generate(shells::Bash, &mut command, "haguard", &mut script),
        Shell::Zsh => generate(shells::Zsh, &mut command, "haguard", &mut script),
        Shell::Fish => generate(shells::Fish, &mut command, "haguard", &mut script),
    }
    String::from_utf8_lossy(&script).into_owned()
}
