//! The man pages: made from the command line, from `haguard explain`, from the keys of `haguard.toml` and from
//! `man/source`.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _, Parser as _};
use haguard::Cli;
use haguard::checks::catalog;
use haguard::cli::COMMON_OPTIONS;
use haguard::config::keys::TABLES;
use haguard::config::settings::SYSTEM_CONFIG;
use haguard::exit::{CHANGE_RULE, Exit};
use haguard::plan::losses::KINDS;

use super::configuration;
use super::source::{self, Part, Section, escape, tagged};
use crate::support::golden;
use crate::support::haguard::Haguard;

#[test]
fn man_pages_are_what_command_line_keys_and_sources_make() {
    let pages = command_pages();
    let mut made = vec!["haguard.toml.5".to_owned(), "source".to_owned()];
    golden::file("man/haguard.toml.5", &configuration_page(&pages));
    for page in &pages {
        let name = format!("{}.1", page.name);
        golden::file(&format!("man/{name}"), &command_page(page, &pages));
        made.push(name);
    }
    for entry in std::fs::read_dir(golden::path("man")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(made.contains(&name), "man/{name} belongs to no command");
    }
    for entry in std::fs::read_dir(golden::path("man/source")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(
            made.iter().any(|page| name == format!("{page}.txt")),
            "man/source/{name} belongs to no page"
        );
    }
}

#[test]
fn man_pages_name_every_check_kind_code_variable_and_key() {
    let check = golden::read("man/haguard-check.1");
    let restart = golden::read("man/haguard-restart.1");
    let first = golden::read("man/haguard.1");
    let keys = golden::read("man/haguard.toml.5");
    for id in catalog::all_checks().map(|check| check.id) {
        assert!(check.contains(&escape(id)), "{id} is not in haguard-check(1)");
    }
    for kind in KINDS {
        assert!(restart.contains(&escape(&kind.to_string())), "{kind} is not in haguard-restart(1)");
    }
    for exit in Exit::ALL {
        assert!(first.contains(&escape(&exit.meaning()[1..])), "{} is not in haguard(1)", exit.code());
    }
    for name in super::variables() {
        assert!(first.contains(&format!("fB{}", escape(&name))), "{name} is not in haguard(1)");
    }
    let (_, precedence) = keys.split_once("PRECEDENCE").expect("haguard.toml(5) has it");
    let sources = ["\\-\\-config names", "HAGUARD_CONFIG names", SYSTEM_CONFIG, "$XDG_CONFIG_HOME/haguard"];
    let places =
        sources.map(|source| precedence.find(source).unwrap_or_else(|| panic!("{source}: {precedence}")));
    assert!(places.is_sorted(), "the files in the order in which they are looked for: {precedence}");
    for key in TABLES.iter().flat_map(|table| table.keys) {
        assert!(
            keys.contains(&format!("fB{}\\fR", escape(key.name))),
            "{} is not in haguard.toml(5)",
            key.name
        );
    }
}

#[test]
fn a_page_has_each_section_once_and_the_common_options_after_its_own() {
    for page in command_pages() {
        let text = golden::read(&format!("man/{}.1", page.name));
        let headings: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix(".SH "))
            .map(|heading| heading.replace('"', "").to_uppercase())
            .collect();
        let at = |wanted: &str| headings.iter().position(|heading| heading == wanted);
        for heading in &headings {
            let times = headings.iter().filter(|other| *other == heading).count();
            assert_eq!(times, 1, "{} has {heading} {times} times", page.name);
        }
        let common = at(&COMMON_OPTIONS.to_uppercase()).unwrap_or_else(|| panic!("{headings:?}"));
        assert!(at("OPTIONS").is_none_or(|own| own < common), "{}: {headings:?}", page.name);
        let own = page.command.get_arguments().any(|arg| arg.get_help_heading().is_none());
        assert_eq!(at("OPTIONS").is_some(), own, "{}: {headings:?}", page.name);
    }
}

#[test]
fn every_example_of_the_man_pages_can_be_typed() {
    let pages = command_pages();
    let names = pages.iter().map(|page| format!("{}.1", page.name)).chain(["haguard.toml.5".to_owned()]);
    let of_sources = names.flat_map(|name| source::sections(&name)).flat_map(|(_, parts)| parts);
    let lines = of_sources.flat_map(|part| match part {
        Part::Example(lines) => lines,
        _ => Vec::new(),
    });
    let help = pages.iter().filter_map(|page| page.command.get_after_long_help().map(ToString::to_string));
    let of_help = help.flat_map(|help| {
        help.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect::<Vec<_>>()
    });
    let mut typed = 0;
    for line in lines.chain(of_help).filter(|line| line.starts_with("haguard ")) {
        for command in line.split("; ").flat_map(|part| part.split(" && ")) {
            let command = command.split(" >").next().unwrap();
            let said = Cli::try_parse_from(shell_words(command));
            assert!(said.is_ok(), "`{command}`: {}", said.unwrap_err());
            typed += 1;
        }
    }
    assert!(typed > 40, "only {typed} commands were found");
}

/// The words of a command line without escapes.
fn shell_words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    let words = quoted.flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// A command, with its page's name.
pub(super) struct ManPage {
    pub(super) name: String,
    pub(super) command: Command,
}

/// Every command of the program, its root first, named as its page is: `haguard-config-show`.
pub(super) fn command_pages() -> Vec<ManPage> {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    collect(&root, &mut pages);
    pages
}

fn collect(command: &Command, pages: &mut Vec<ManPage>) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    pages.push(ManPage { name, command: command.clone() });
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        collect(inner, pages);
    }
}

/// The page of one command.
fn command_page(page: &ManPage, pages: &[ManPage]) -> String {
    let ManPage { name, command } = page;
    let mut sections = source::sections(&format!("{name}.1"));
    let mut text = title(name, 1, &about(command));
    let _ = write!(text, ".SH SYNOPSIS\n{}", synopsis(command));
    text += &section("DESCRIPTION", &description(page, &mut sections));
    text += &options(command);
    if command.has_subcommands() {
        let under = pages.iter().filter(|other| other.name.starts_with(&format!("{name}-")));
        text += &list("COMMANDS", under.map(|other| (format!("{}(1)", other.name), about(&other.command))));
    }
    text += &generated_lists(name);
    text += &sections.iter().map(|(heading, parts)| section(heading, parts)).collect::<String>();
    text += &notes(command);
    text + &see_also(name, pages)
}

/// The page of `haguard.toml`.
fn configuration_page(pages: &[ManPage]) -> String {
    let name = "haguard.toml";
    let mut text = title(name, 5, "Configuration of haguard");
    let sections = source::sections("haguard.toml.5");
    text += &sections.iter().map(|(heading, parts)| section(heading, parts)).collect::<String>();
    for table in TABLES {
        let _ = write!(text, ".SH \"{}\"\n{}\n", table.heading(), escape(table.meaning));
        for key in table.keys {
            let default =
                key.default.map_or("Required.".to_owned(), |default| format!("Default: {default}."));
            text += &tagged(key.name, &format!("{} {default}", key.meaning));
        }
    }
    let example = configuration::whole_file().lines().map(str::to_owned).collect();
    text += &section("EXAMPLE", &[Part::Example(example)]);
    text + &see_also(name, pages)
}

fn title(name: &str, section: u8, about: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let name = escape(name);
    format!(
        ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH {name} {section} \"\" \"haguard {version}\" haguard\n.SH NAME\n\
         {name} \\- {}\n",
        escape(about)
    )
}

/// The command with its own options: the common ones stand in a section of their own.
fn synopsis(command: &Command) -> String {
    let own = command.get_arguments().filter(|arg| arg.get_help_heading().is_none());
    let mut words = vec![format!("\\fB{}\\fR", escape(command.get_bin_name().unwrap_or(command.get_name())))];
    for argument in own {
        let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
        let value = value.map(|names| format!("\\fI{}\\fR", names.join(" ")));
        let word = match argument.get_long() {
            Some(long) => [Some(format!("\\fB\\-\\-{}\\fR", escape(long))), value],
            None => [value, None],
        };
        let word = word.into_iter().flatten().collect::<Vec<_>>().join(" ");
        words.push(if argument.is_required_set() { word } else { format!("[{word}]") });
    }
    words.extend(command.has_subcommands().then(|| "\\fICOMMAND\\fR".to_owned()));
    words.push("[\\fIcommon options\\fR]".to_owned());
    words.join(" ") + "\n"
}

/// The options as clap_mangen writes them, without the definition of a quotation mark that it begins with.
fn options(command: &Command) -> String {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render_options_section(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    text[text.find(".SH").unwrap_or(text.len())..].to_owned()
}

/// What a page says of its command: its source, and the text of `haguard explain`.
fn description(page: &ManPage, sections: &mut Vec<Section>) -> Vec<Part> {
    let own = sections.iter().position(|(heading, _)| heading == "DESCRIPTION");
    let mut parts = own.map(|at| sections.remove(at).1).unwrap_or_default();
    let topic = TOPICS.iter().find(|(of, _)| page.name.starts_with(of));
    parts.extend(topic.into_iter().flat_map(|(_, id)| explained(id)));
    if parts.is_empty() {
        parts.push(Part::Text(format!("{}.", about(&page.command))));
    }
    parts
}

/// Which page has the text of which topic of `haguard explain`.
const TOPICS: &[(&str, &str)] = &[
    ("haguard-guard", "guard"),
    ("haguard-reload", "reload"),
    ("haguard-rehearse", "rehearse"),
    ("haguard-confirm", "confirm"),
    ("haguard-restart", "restart"),
    ("haguard-check", "check"),
    ("haguard-inspect", "inspect"),
];

/// The paragraphs of one topic.
fn explained(id: &str) -> Vec<Part> {
    let said = Haguard::new().run(["explain", id, "-o", "json"]);
    let document = said.json();
    let text = document["explanation"]["text"].as_array().unwrap_or_else(|| panic!("{said}")).iter();
    text.map(|paragraph| Part::Text(paragraph.as_str().unwrap().to_owned())).collect()
}

/// Lists that the program knows: exit codes, checks, kinds of loss.
fn generated_lists(page: &str) -> String {
    match page {
        "haguard" => {
            let codes = Exit::ALL.map(|exit| {
                (exit.code().to_string(), format!("{}. {}", capital(exit.meaning()), exit.explanation()))
            });
            list("EXIT STATUS", codes) + CHANGE_RULE + "\n"
        }
        "haguard-check" => list(
            "CHECKS",
            catalog::all_checks()
                .map(|check| (check.id.into(), format!("{}. {}", capital(check.title), check.why))),
        ),
        "haguard-restart" => {
            section("EMERGENCY", &explained("break-glass"))
                + &list("LOSSES", KINDS.iter().map(|kind| (kind.to_string(), kind.explanation().into())))
        }
        _ => String::new(),
    }
}

/// What long help says at its end: examples, remarks, exit codes.
fn notes(command: &Command) -> String {
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let (mut examples, mut notes) = (String::new(), Vec::new());
    for part in help.split("\n\n").filter(|part| !part.is_empty()) {
        match part.strip_prefix("Examples:\n") {
            Some(lines) => {
                let lines = lines.lines().map(|line| line.trim().to_owned()).collect();
                examples = section("EXAMPLES", &[Part::Example(lines)]);
            }
            None => notes.push(Part::Text(part.replace('\n', " "))),
        }
    }
    if notes.is_empty() { examples } else { examples + &section("NOTES", &notes) }
}

fn see_also(name: &str, pages: &[ManPage]) -> String {
    let commands = pages.iter().map(|page| (page.name.as_str(), 1));
    let others = commands.chain([("haguard.toml", 5)]).filter(|(other, _)| *other != name);
    let others = others.map(|(other, number)| format!("\\fB{}\\fR({number})", escape(other)));
    format!(".SH \"SEE ALSO\"\n{}\n", others.collect::<Vec<_>>().join(",\n"))
}

/// A section of parts.
fn section(heading: &str, parts: &[Part]) -> String {
    format!(".SH \"{heading}\"\n{}", source::roff(parts).trim_start_matches(".PP\n"))
}

/// A section of terms, each with its meaning.
fn list(heading: &str, rows: impl IntoIterator<Item = (String, String)>) -> String {
    let rows = rows.into_iter().map(|(term, meaning)| tagged(&term, &meaning));
    format!(".SH \"{heading}\"\n{}.PP\n", rows.collect::<String>())
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
