//! haguard stands between a person and a risky HAProxy operation: it finds out what really runs, says what the
//! operation would lose, refuses or asks, does it, proves the result and records it.
//!
//! Data flows one way, and a module imports only from the modules before it (and from the leaves):
//!
//! | room | what lives there | may touch |
//! |---|---|---|
//! | [`cli`] | the global flags, the formats | nothing |
//! | [`config`] | what was configured, and by whom | files, environment |
//! | [`wire`] | parsers of everything that comes from outside | nothing |
//! | [`clients`] | sockets, HTTP, /proc, programs | the outside; changes only for `act` |
//! | [`facts`] | what was seen, or why it could not be seen | nothing |
//! | [`gather`] | fills the facts | the outside, through `clients` |
//! | [`plan`] | what an operation would lose, and what to do instead | nothing |
//! | [`checks`] | judgements of facts | nothing |
//! | [`state`] | the state folder: lock, journal, plans, copies of configurations, snapshots | its own folder |
//! | [`act`] | the only writer to HAProxy: consent, the change and its proof | HAProxy and its files |
//! | [`report`] | one model, several renderers | the stream it is given |
//! | `commands` | arguments and story of each command | all of the above |
//!
//! The same subjects stand in every room under the same names: `haproxy`, `linux`, `systemd`, `containers`,
//! `supervisors`, `dataplane`, `patroni`. Leaves that import no room: [`clearance`], [`exit`], [`error`],
//! [`known`], `label`, [`secret`], [`time`], [`timeouts`], [`wait`], [`plural`].

pub mod act;
pub mod checks;
pub mod clearance;
pub mod cli;
pub mod clients;
mod commands;
pub mod config;
pub mod error;
pub mod exit;
pub mod facts;
pub mod gather;
pub mod known;
mod label;
pub mod plan;
pub mod plural;
pub mod report;
pub mod secret;
pub mod state;
pub mod time;
pub mod timeouts;
pub mod wait;
pub mod wire;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use cli::{ColorChoice, Format, GlobalArgs};
pub use commands::Cli;
use commands::{CommandOutput, Context};
use config::{Environment, Settings};
use error::Failure;
use exit::Exit;
use report::{Body, Paint, Report};

/// Runs the command line and returns the process status.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // haguard starts its own program as a helper for what needs a process of its own.
    let helper =
        clients::exec::dispatch(&args).or_else(|| commands::reload::rollback::timer::run_if_asked(&args));
    if let Some(code) = helper {
        return code;
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage(&error, &args)),
    };
    if let Err(failure) = has_format(&cli) {
        let report = Report::failed(commands::command_name(&cli.command), &failure);
        return ExitCode::from(not_understood(&report, &args, |report| {
            report.write_text(&mut io::stderr(), PLAIN)
        }));
    }
    listen_in(cli.global.verbose);
    let environment = Environment::from_process();
    let no_color = environment.no_color;
    let answer = commands::run_without_config(&cli.command).unwrap_or_else(|| {
        let argv = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let settings = Settings::load(&cli.global.flags(), environment, clients::linux::effective_uid() == 0)
            .map_err(|error| {
                Failure::usage(error)
                    .with_remedy("mend it, name another file, or go without one: --config /dev/null")
            })?;
        commands::run(&cli.command, &Context { settings, global: &cli.global, argv })
    });
    let report = match answer {
        Ok(CommandOutput::Report(report)) => *report,
        Ok(CommandOutput::Verbatim(text)) => {
            return ended(io::stdout().write_all(text.as_bytes()), Exit::Done.code());
        }
        Err(failure) => Report::failed(commands::command_name(&cli.command), &failure),
    };
    let printed = print(&report, &cli.global, no_color);
    // Whoever stopped reading must not be told that a change was none.
    let status = match cli.global.output {
        Format::Nagios => report.nagios_status(),
        _ => report.exit.code(),
    };
    ended(if report.changed { Ok(()) } else { printed }, status)
}

/// Text for a stream of which nothing is known.
const PLAIN: Paint = Paint { color: false };

/// A format that a command has not is said before anything is looked at.
fn has_format(cli: &Cli) -> Result<(), Failure> {
    let (wanted, formats) = (cli.global.output, cli.command.formats());
    if formats.contains(&wanted) {
        return Ok(());
    }
    let names: Vec<String> = formats.iter().map(ToString::to_string).collect();
    let command = commands::command_name(&cli.command);
    let error = anyhow::anyhow!("`haguard {command}` has no format `{wanted}`");
    Err(Failure::usage(error).with_remedy(format!("it has {}", names.join(", "))))
}

/// `-v` shows what is asked of whom, `-vv` every step, both on stderr; without it only warnings are shown.
fn listen_in(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let listener = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_target(false)
        .without_time()
        // It would report a stderr that is gone on stderr, and panic over it.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    // A second run in one process (the tests) keeps the first listener.
    let _ = listener.try_init();
}

/// Help and version are answers; anything else that clap says is a usage error.
fn usage(error: &clap::Error, args: &[OsString]) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return Exit::Done.code();
    }
    let message = error.render().to_string();
    let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let failure = Failure::usage(anyhow::anyhow!("{first}")).with_remedy("see haguard --help");
    not_understood(&Report::failed("usage", &failure), args, |_| error.print())
}

/// A command line that cannot be carried out, told to a program in the form that it asked for.
fn not_understood(
    report: &Report,
    args: &[OsString],
    to_people: impl FnOnce(&Report) -> io::Result<()>,
) -> u8 {
    if asked_for(args, "json") {
        let _ = report.write_json(&mut io::stdout());
    } else if asked_for(args, "nagios") {
        // To a monitor the status of a usage error would be an alarm.
        let _ = report.write_nagios(&mut io::stdout());
        return report.nagios_status();
    } else {
        let _ = to_people(report);
    }
    Exit::Usage.code()
}

/// The command line could not be read, so this is all there is to go by.
fn asked_for(args: &[OsString], format: &str) -> bool {
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let joined = ["-o", "-o=", "--output="].map(|flag| format!("{flag}{format}"));
    words.iter().any(|word| joined.iter().any(|joined| joined == word))
        || words.windows(2).any(|pair| matches!(pair[0], "-o" | "--output") && pair[1] == format)
}

fn print(report: &Report, global: &GlobalArgs, no_color: bool) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    match global.output {
        Format::Json => return report.write_json(&mut stdout),
        Format::Junit => return report.write_junit(&mut stdout),
        Format::Github => return report.write_github(&mut stdout),
        Format::Nagios => return report.write_nagios(&mut stdout),
        Format::Text | Format::Short | Format::Markdown => drop(stdout),
    }
    // An error is said on stderr, so that a pipe gets answers only.
    let to_stderr = matches!(report.body, Body::Error(_));
    let terminal = if to_stderr { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
    let paint = Paint {
        color: match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !no_color,
        },
    };
    let write = |mut out: &mut dyn Write| match global.output {
        Format::Short => report.write_short(&mut out, paint),
        Format::Markdown if !to_stderr => report.write_markdown(&mut out, paint),
        _ => report.write_text(&mut out, paint),
    };
    match to_stderr {
        true => write(&mut io::BufWriter::new(io::stderr().lock())),
        false => write(&mut io::BufWriter::new(io::stdout().lock())),
    }
}

/// A reader that went away (`| write_outcome`) is no failure, and the verdict stands whether or not it was read.
fn ended(printed: io::Result<()>, status: u8) -> ExitCode {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(Exit::Failed.code()),
        _ => ExitCode::from(status),
    }
}
