//! `--help`: what a command's own options are, what every command has, and how wide it is.

use clap::ValueEnum as _;
use haguard::cli::{COMMON_OPTIONS, Format};
use haguard::config::settings::DEFAULT_TIMEOUT;

use super::man::command_pages;
use crate::support::haguard::{Haguard, RunOutput};

#[test]
fn the_first_lines_of_help_are_imperative_and_without_a_full_stop() {
    for page in command_pages() {
        let (name, command) = (&page.name, &page.command);
        let about = command.get_about().unwrap_or_else(|| panic!("{name} has no help")).to_string();
        sentence(name, &about);
        let first = about.split(' ').next().unwrap();
        let third_person = first.ends_with('s') && !first.ends_with("ss");
        assert!(!third_person && !first.ends_with("ing"), "{name}: `{first}` is no imperative");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let help =
                argument.get_help().unwrap_or_else(|| panic!("{name} {} has no help", argument.get_id()));
            sentence(name, &help.to_string());
        }
    }
}

fn sentence(command: &str, text: &str) {
    let capital = text.starts_with(|c: char| !c.is_lowercase());
    assert!(capital && !text.ends_with('.'), "{command}: `{text}` wants a capital and no full stop");
}

#[test]
fn own_options_come_first_and_the_common_ones_stand_under_their_heading() {
    for page in command_pages() {
        for help in [page.command.clone().render_help(), page.command.clone().render_long_help()] {
            let (text, coloured) = (help.to_string(), help.ansi().to_string());
            let name = &page.name;
            assert!(coloured.contains('\u{1b}') && without_escapes(&coloured) == text, "{name}: {coloured}");
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
            let heading = format!("\n{COMMON_OPTIONS}:\n");
            let (own, common) = text.split_once(&heading).unwrap_or_else(|| panic!("{name}: {text}"));
            assert!(!common.contains(&heading) && !common.contains("\nOptions:\n"), "{name}: {text}");
            for argument in page.command.get_arguments().filter(|argument| !argument.is_positional()) {
                let flag = format!("--{}", argument.get_long().unwrap());
                let is_common = argument.get_help_heading() == Some(COMMON_OPTIONS);
                let place = if is_common { common } else { own };
                let listed = |line: &str| line.split([' ', ',', '.']).any(|word| word == flag);
                assert!(place.lines().any(listed), "{name}: {flag} stands elsewhere: {text}");
            }
            assert_eq!(own.contains("\nOptions:\n"), has_own_options(&page.command), "{name}: {text}");
        }
    }
}

fn has_own_options(command: &clap::Command) -> bool {
    command.get_arguments().any(|arg| !arg.is_positional() && arg.get_help_heading().is_none())
}

#[test]
fn help_is_printed_in_colour_only_where_that_was_asked_for() {
    let haguard = Haguard::new();
    let help = |args: &[&str]| {
        let said = RunOutput::from_command(haguard.command().args(args).env_remove("NO_COLOR"));
        assert!(said.status == 0 && said.stderr.is_empty(), "{said}");
        said.stdout
    };
    let plain = help(&["reload", "--help"]);
    assert!(plain.contains(COMMON_OPTIONS) && !plain.contains('\u{1b}'), "{plain}");
    for args in [&["reload", "--help", "--color", "always"], &["--color=always", "reload", "--help"][..]] {
        let coloured = help(args);
        assert!(coloured.contains('\u{1b}') && without_escapes(&coloured) == plain, "{args:?}: {coloured}");
    }
    assert_eq!(help(&["--color", "never", "reload", "--help"]), plain);
}

#[test]
fn help_names_the_time_limit_and_every_format() {
    let root = &command_pages()[0].command;
    let help = root.clone().render_long_help().to_string();
    assert!(help.contains(&format!("(default: {DEFAULT_TIMEOUT:?})")), "{help}");
    let library = crate::support::golden::read("src/lib.rs");
    assert_eq!(Format::value_variants().len(), 7);
    assert!(library.contains("one model in seven formats"), "src/lib.rs counts the formats");
    for format in Format::value_variants() {
        assert!(help.contains(&format!("- {format}:")), "{format}: {help}");
    }
}

/// Text without the sequences that colour it.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.filter_map(|part| part.split_once('m').map(|(_, rest)| rest)).collect::<String>()
}
