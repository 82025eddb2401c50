//! haguard stands between a person and a risky HAProxy operation: it finds out what really runs, says what the
//! operation would lose, refuses or asks, does it, verifies the result and records it.
//!
//! Data flows one way, and a module imports only from the modules before it (and from the leaves):
//!
//! | room | what lives there | may touch |
//! |---|---|---|
//! | [`cli`] | the global flags, the formats | nothing |
//! | [`config`] | what was configured, with its origin | files, environment |
//! | [`wire`] | parsers of everything that comes from outside | nothing |
//! | [`clients`] | sockets, HTTP, /proc, programs | the outside, changes for `act` |
//! | [`facts`] | what was seen, or why it could not be seen | nothing |
//! | [`gather`] | fills the facts | the outside, through `clients` |
//! | [`plan`] | what would be lost, and what to do instead | nothing |
//! | [`checks`] | judgements of facts | nothing |
//! | [`state`] | lock, journal, plans, snapshots, copies of files | its own folder |
//! | [`act`] | the only writer: consent, change, proof | HAProxy and its files |
//! | [`report`] | one model in seven formats | the stream it is given |
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

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

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
    clients::linux::file_size::make_an_error();
    // haguard starts its own program as a helper for what needs a process of its own.
    let helper =
        clients::exec::dispatch(&args).or_else(|| commands::reload::rollback::timer::run_if_asked(&args));
    if let Some(code) = helper {
        return code;
    }
    let typed = Cli::command().color(help_color(&args)).try_get_matches_from(&args);
    let cli = match typed.and_then(|typed| Cli::from_arg_matches(&typed)) {
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
                Failure::usage(error).with_remedy(
                    "correct the file, name another with --config, or run without one: --config /dev/null",
                )
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
    // A reader that is gone must not turn the exit code of a change into a failure.
    let status = match cli.global.output {
        Format::Nagios => report.nagios_status(),
        _ => report.exit.code(),
    };
    ended(if report.changed { Ok(()) } else { printed }, status)
}

/// Text for a stream that may not be a terminal.
const PLAIN: Paint = Paint { color: false };

/// Refuses a format that the command does not have, before any fact is gathered.
fn has_format(cli: &Cli) -> Result<(), Failure> {
    let (wanted, formats) = (cli.global.output, cli.command.formats());
    if formats.contains(&wanted) {
        return Ok(());
    }
    let names: Vec<String> = formats.iter().map(ToString::to_string).collect();
    let command = commands::command_name(&cli.command);
    let error = anyhow::anyhow!("`haguard {command}` has no format `{wanted}`");
    Err(Failure::usage(error).with_remedy(format!("use -o with one of: {}", names.join(", "))))
}

/// Logs to stderr: warnings, with `-v` every query, with `-vv` every step.
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
        // Otherwise it reports a closed stderr on stderr, and panics.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    // A second run in one process (the tests) keeps the first listener.
    let _ = listener.try_init();
}

/// Prints help and version (exit 0); every other error of clap is a usage error.
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

/// Reports a command line that cannot be used, in the format that was asked for.
fn not_understood(
    report: &Report,
    args: &[OsString],
    to_people: impl FnOnce(&Report) -> io::Result<()>,
) -> u8 {
    if asked_for(args, "json") {
        let _ = report.write_json(&mut io::stdout());
    } else if asked_for(args, "nagios") {
        // Nagios reads our usage error (2) as CRITICAL, so it gets 3 (UNKNOWN).
        let _ = report.write_nagios(&mut io::stdout());
        return report.nagios_status();
    } else {
        let _ = to_people(report);
    }
    Exit::Usage.code()
}

/// Whether the format stands on a command line that could not be parsed.
fn asked_for(args: &[OsString], format: &str) -> bool {
    has_value(args, &["-o", "--output"], format) || args.iter().any(|arg| *arg == *format!("-o{format}"))
}

/// The colour of help and of usage errors: clap prints them before `--color` is parsed.
fn help_color(args: &[OsString]) -> clap::ColorChoice {
    match ["never", "always"].map(|when| has_value(args, &["--color"], when)) {
        [true, _] => clap::ColorChoice::Never,
        [_, true] => clap::ColorChoice::Always,
        _ => clap::ColorChoice::Auto,
    }
}

/// Whether one of these flags has this value, as `FLAG VALUE` or `FLAG=VALUE`.
fn has_value(args: &[OsString], flags: &[&str], value: &str) -> bool {
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    words.iter().any(|word| word.split_once('=').is_some_and(|(f, v)| flags.contains(&f) && v == value))
        || words.windows(2).any(|pair| flags.contains(&pair[0]) && pair[1] == value)
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
    // Errors go to stderr, so that a pipe gets answers only.
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

/// A reader that is gone (`| head`) is no failure: the exit code is that of the report, whether or not it was read.
fn ended(printed: io::Result<()>, status: u8) -> ExitCode {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(Exit::Failed.code()),
        _ => ExitCode::from(status),
    }
}
