//! `config show` prints each value that is in force, and where it came from.

use clap::{Args, Subcommand};

use super::Context;
use super::operation::gather_facts;
use crate::config::{Origin, Sourced};
use crate::exit::Exit;
use crate::facts::{Facts, Known};
use crate::gather::{Node, ProbeDepth};
use crate::plural::plural;
use crate::report::{Body, Report, ReportTable};

/// The commands under `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print each value in use
    Show(ConfigShowArgs),
}

/// Arguments of `config show`.
#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    /// Print where each value came from
    #[arg(long)]
    pub origin: bool,
}

/// The configured values, and for the rest the discovered ones.
pub(super) fn run(args: &ConfigShowArgs, context: &Context<'_>) -> Report {
    let facts = gather_facts::gather_facts(context, &Node::only_local(), ProbeDepth::Read);
    let mut rows = setting_rows(context, &facts);
    let columns = match args.origin {
        true => vec!["key", "value", "origin"],
        false => {
            rows.iter_mut().for_each(|row| row.truncate(2));
            vec!["key", "value"]
        }
    };
    let mut report = Report::new(
        "config show",
        Exit::Done,
        plural(rows.len(), "value"),
        Body::Table(ReportTable { columns, rows }),
    );
    report.cost = facts.cost;
    report
}

fn pins_origin(context: &Context<'_>) -> String {
    let file = context.settings.config_file.as_ref();
    file.map_or(String::new(), |path| Origin::File(path.clone()).to_string())
}

fn setting_rows(context: &Context<'_>, facts: &Facts) -> Vec<Vec<String>> {
    let settings = &context.settings;
    let found = |value: Known<String>| match value {
        Known::Seen(value) => (value, "discovery".to_owned()),
        Known::Unknown { why } => (String::new(), format!("not found: {why}")),
    };
    let of_instance = |pick: &dyn Fn(&crate::facts::Instance) -> Known<String>| match &facts.instance {
        Known::Seen(instance) => found(pick(instance)),
        Known::Unknown { .. } => (String::new(), "not found: `haguard inspect` says why".to_owned()),
    };
    let path = |value: &Option<Sourced<std::path::PathBuf>>| {
        value.as_ref().map(|s| (s.value.display().to_string(), s.origin.to_string()))
    };
    let sockets = |instance: &crate::facts::Instance| {
        let none = || Known::unknown("no admin socket is known");
        let first = instance.admin_sockets.as_ref().map(|all| all.first().map(|socket| socket.path.clone()));
        match first {
            Known::Seen(Some(path)) => Known::Seen(path),
            Known::Seen(None) => none(),
            Known::Unknown { why } => Known::unknown(why),
        }
    };
    let files = match (&settings.config, facts.config.arguments.is_empty()) {
        (Some(files), _) => {
            let all: Vec<String> = files.value.iter().map(|p| p.display().to_string()).collect();
            (all.join(" "), files.origin.to_string())
        }
        (None, false) => (facts.config.arguments.join(" "), "discovery".to_owned()),
        (None, true) => of_instance(&|_| facts.config.source.clone()),
    };
    let unit = settings.unit.as_ref().map(|s| (s.value.clone(), s.origin.to_string()));
    let mut rows = vec![
        (
            "haproxy.master_socket",
            path(&settings.master_socket)
                .unwrap_or_else(|| of_instance(&|i| i.master_socket.as_ref().map(|s| s.path.clone()))),
        ),
        ("haproxy.stats_socket", path(&settings.stats_socket).unwrap_or_else(|| of_instance(&sockets))),
        ("haproxy.config", files),
        ("haproxy.binary", path(&settings.binary).unwrap_or_else(|| of_instance(&|i| i.main.exe.clone()))),
        (
            "haproxy.unit",
            unit.unwrap_or_else(|| {
                of_instance(&|i| match i.unit() {
                    Some(unit) => Known::Seen(unit.to_owned()),
                    None => Known::unknown("no systemd unit is proven to control it"),
                })
            }),
        ),
    ];
    if let Some(api) = &settings.dataplane {
        rows.push(("dataplane.url", (api.url.value.clone(), api.url.origin.to_string())));
        let username = api.username.as_ref().map(|s| (s.value.clone(), s.origin.to_string()));
        rows.push(("dataplane.username", username.unwrap_or_default()));
        let password = api.password.as_ref().map(|s| (s.value.to_string(), s.origin.to_string()));
        rows.push(("dataplane.password", password.unwrap_or_default()));
        rows.push(("dataplane.password_file", path(&api.password_file).unwrap_or_default()));
        rows.push(("dataplane.ca_file", path(&api.ca_file).unwrap_or_default()));
    }
    let pins: Vec<(String, String)> = facts
        .pins
        .iter()
        .map(|pin| (format!("{}: {}", pin.service, pin.describe()), pins_origin(context)))
        .collect();
    rows.extend(pins.into_iter().map(|value| ("pin", value)));
    let timeout = (format!("{:?}", settings.timeout.value), settings.timeout.origin.to_string());
    rows.push(("timeout", timeout));
    rows.push((
        "state_dir",
        (settings.state_dir.value.display().to_string(), settings.state_dir.origin.to_string()),
    ));
    rows.into_iter().map(|(key, (value, origin))| vec![key.to_owned(), value, origin]).collect()
}
