//! The man pages, as roff.

use std::fmt::Write as _;

use clap::Command;
use haguard::checks::catalog;
use haguard::exit::{CHANGE_RULE, Exit};
use haguard::plan::losses::KINDS;

use super::ManPage;
use crate::support::haguard::Haguard;

/// The page of one command, in the words of its help and of `haguard explain`.
pub(super) fn roff(page: &ManPage, pages: &[ManPage]) -> String {
    let ManPage { name, command } = page;
    let man =
        clap_mangen::Man::new(command.clone().disable_help_subcommand(true)).manual("haguard").title(name);
    let mut text = Vec::new();
    man.render_title(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    man.render_synopsis_section(&mut text).unwrap();
    let mut options = Vec::new();
    man.render_options_section(&mut options).unwrap();
    let mut text = String::from_utf8(text).unwrap();
    text += ".SH DESCRIPTION\n";
    text += &description(page).iter().map(|paragraph| escape(paragraph)).collect::<Vec<_>>().join("\n.PP\n");
    text += "\n";
    text += &String::from_utf8(options).unwrap();
    // Each section comes with the same definition of a quotation mark; once is enough.
    let (quotes, rest) = text.split_at(text.find(".TH").expect("a title"));
    let mut text = quotes.to_owned() + &rest.replace(quotes, "");
    if command.has_subcommands() {
        let under = pages.iter().filter(|other| other.name.starts_with(&format!("{name}-")));
        let row = |other: &ManPage| (format!("{}(1)", other.name), about(&other.command));
        text += &list("COMMANDS", under.map(row));
    }
    text += &notes(command);
    match name.as_str() {
        "haguard" => {
            text += &list("EXIT STATUS", Exit::ALL.map(|exit| (exit.code().to_string(), status(exit))));
            text += &format!("{CHANGE_RULE}\n");
            text += &list("FILES", FILES.iter().map(|(path, what)| ((*path).into(), (*what).into())));
            text +=
                &list("ENVIRONMENT", ENVIRONMENT.iter().map(|(name, what)| ((*name).into(), (*what).into())));
        }
        "haguard-check" => {
            text += &list(
                "CHECKS",
                catalog::all_checks()
                    .map(|check| (check.id.into(), format!("{}. {}", capital(check.title), check.why))),
            );
        }
        "haguard-restart" => {
            let emergency = explained("break-glass");
            let emergency: Vec<String> = emergency.iter().map(|paragraph| escape(paragraph)).collect();
            text += &format!(".SH EMERGENCY\n{}\n", emergency.join("\n.PP\n"));
            text += &list("LOSSES", KINDS.iter().map(|kind| (kind.to_string(), kind.explanation().into())));
        }
        _ => {}
    }
    let others = pages.iter().map(|other| &other.name).filter(|other| *other != name);
    let others = others.map(|other| format!("\\fB{}\\fR(1)", escape(other))).collect::<Vec<_>>().join(",\n");
    text + ".SH \"SEE ALSO\"\n" + &others + "\n"
}

fn status(exit: Exit) -> String {
    format!("{}. {}", capital(exit.meaning()), exit.explanation())
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// What a page says of its command: words of its own, and those of the program.
fn description(page: &ManPage) -> Vec<String> {
    let own = DESCRIPTIONS.iter().find(|(of, _)| *of == page.name);
    let own = own.into_iter().flat_map(|(_, paragraphs)| paragraphs.iter()).map(|text| (*text).to_owned());
    let topic = SUBJECTS.iter().find(|(of, _)| page.name.starts_with(of)).into_iter();
    let mut all: Vec<String> = own.chain(topic.flat_map(|(_, id)| explained(id))).collect();
    if all.is_empty() {
        all.push(format!("{}.", about(&page.command)));
    }
    all
}

/// The paragraphs of one subject.
fn explained(id: &str) -> Vec<String> {
    let said = Haguard::new().run(["explain", id, "-o", "json"]);
    let document = said.json();
    let text = document["explanation"]["text"].as_array().unwrap_or_else(|| panic!("{said}")).iter();
    text.map(|paragraph| paragraph.as_str().unwrap().to_owned()).collect()
}

/// What long help says at its end: examples, remarks, exit codes.
fn notes(command: &Command) -> String {
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let (mut examples, mut notes) = (String::new(), String::new());
    for part in help.split("\n\n").filter(|part| !part.is_empty()) {
        match part.strip_prefix("Examples:\n") {
            Some(lines) => {
                let lines = lines.lines().map(|line| escape(line.trim()));
                examples = format!(".SH EXAMPLES\n.nf\n{}\n.fi\n", lines.collect::<Vec<_>>().join("\n"));
            }
            None => notes += &format!(".PP\n{}\n", escape(&part.replace('\n', " "))),
        }
    }
    if notes.is_empty() { examples } else { format!("{examples}.SH NOTES\n{notes}") }
}

/// Whose page has the words of which subject of `haguard explain`.
const SUBJECTS: &[(&str, &str)] = &[
    ("haguard-guard", "guard"),
    ("haguard-reload", "reload"),
    ("haguard-rehearse", "rehearse"),
    ("haguard-confirm", "confirm"),
    ("haguard-restart", "restart"),
    ("haguard-check", "check"),
    ("haguard-inspect", "inspect"),
];

/// What a page says of its command beside that.
const DESCRIPTIONS: &[(&str, &[&str])] = &[
    (
        "haguard",
        &[
            "haguard finds out which HAProxy runs here, what it holds only in memory and what the files on disk would \
             bring instead. It asks HAProxy's sockets, /proc, the files and, where one is configured, the Data Plane \
             API, and says of each thing whether a reload or a restart keeps it, loses it, or whether that is unknown.",
            "Only reload, restart --break-glass, guard install and guard remove change anything, after consent to a plan, \
             and they prove the result; inspect --save writes haguard's own configuration, and confirm its decision. All \
             others look, and beside the journal they write nothing. Each value is taken from a flag, else from the environment, else from the \
             configuration file, else it is discovered.",
        ],
    ),
    ("haguard-inspect", &["-o json prints the facts as a snapshot, which --facts takes back on any host."]),
    (
        "haguard-restart",
        &[
            "Without --break-glass it always refuses, with exit status 3. It shows what a restart and a reload would \
             destroy, in numbers read from the HAProxy that runs, the safe way with its own names filled in, and how a \
             restart is done by hand when it must be. The refusal is recorded in the journal.",
            "SERVICE is anything that may run here: a unit, a program, a container, a PID, a port or IP:PORT. haguard says \
             who serves it, who controls it and how that restarts it. Without it the HAProxy that was configured is meant, \
             or the only one that runs.",
        ],
    ),
];

const FILES: &[(&str, &str)] = &[
    (
        "/etc/haguard/haguard.toml",
        "The configuration, unless --config or HAGUARD_CONFIG names another file. Without it \
         $XDG_CONFIG_HOME/haguard/haguard.toml is read. A file in the current folder never is.",
    ),
    (
        "/var/lib/haguard/journal.jsonl",
        "What was attempted, a JSON document on each line, refusals included. Without root it is \
         $XDG_STATE_HOME/haguard/journal.jsonl.",
    ),
    ("/etc/haguard/freeze", "While it is there nothing is changed; what it says is shown as the reason."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("HAGUARD_CONFIG", "The configuration file. --config wins."),
    ("HAGUARD_STATE_DIR", "The folder of the journal."),
    ("HAGUARD_DATAPLANE_PASSWORD", "The password for the Data Plane API. It wins over password_file."),
    (
        "DOCKER_HOST",
        "Where Docker is asked what it controls, unix:///PATH; otherwise its usual sockets and Podman's.",
    ),
    ("NO_COLOR", "Set and not empty: no colour, unless --color always is given."),
    ("TERM", "dumb: no colour, unless --color always is given."),
    ("XDG_CONFIG_HOME", "Where a user's configuration is, $HOME/.config where it is not set."),
    ("XDG_STATE_HOME", "Where a user's journal is, $HOME/.local/state where it is not set."),
    ("HOME", "The folder that the two above are taken from where they are not set."),
    ("USER", "A name for the journal, beside the user id."),
    ("SUDO_USER", "Who called sudo, for the journal."),
    ("SSH_CONNECTION", "The address that the shell was reached from, for the journal."),
];

/// A section of terms, each with what it means.
fn list(heading: &str, rows: impl IntoIterator<Item = (String, String)>) -> String {
    let mut text = format!(".SH \"{heading}\"\n");
    for (term, meaning) in rows {
        let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{}", escape(&term), escape(&meaning));
    }
    text + ".PP\n"
}

/// Text as roff needs it: a dash that can be copied, no line that begins with a request.
pub(super) fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}
