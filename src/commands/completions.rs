//! `completions` prints a shell's completion script.

use clap::CommandFactory;
use clap_complete::{generate, shells};

use crate::cli::{Cli, CompletionsArgs, Shell};

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
