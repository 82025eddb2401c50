//! One look at a Data Plane API: a few questions, none of which changes anything, and the file that it writes.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::GatherContext;
use super::haproxy::paths;
use crate::clients::dataplane::DataPlane;
use crate::clients::http::{Credentials, HttpEndpoint, HttpError};
use crate::clients::linux;
use crate::config::settings;
use crate::facts::dataplane::{self, DataPlaneArguments, ReloadMethod, ReloadStatus, TransactionStatus};
use crate::facts::{DataPlaneFacts, Known};
use crate::known::Unknown;
use crate::timeouts;
use crate::wire::dataplane as wire;
use crate::wire::linux::listener::Listener;
use crate::wire::linux::process::Process;

/// Asks the Data Plane API that is configured, if one is; `main` is the HAProxy whose files it may write.
pub(super) fn gather(look: &GatherContext<'_>, main: Option<&Process>) -> Option<DataPlaneFacts> {
    let configured = look.settings.dataplane.as_ref()?;
    let credentials = configured.username.as_ref().zip(configured.password.as_ref());
    let target = HttpEndpoint {
        url: configured.url.value.clone(),
        credentials: credentials.map(|(user, password)| Credentials {
            user: user.value.clone(),
            password: password.value.clone(),
            origin: password.origin.to_string(),
        }),
        ca_file: configured.ca_file.as_ref().map(|file| file.value.clone()),
        timeout: look.deadline.at_most(timeouts::DATAPLANE_QUERY),
    };
    Some(match DataPlane::new(target) {
        Err(error) => unreachable_facts(configured, &error.why()),
        Ok(client) => {
            let facts = with_local_files(query_api(&client), configured, main);
            look.dataplane_calls.store(client.calls(), Ordering::Relaxed);
            facts
        }
    })
}

fn unreachable_facts(configured: &settings::DataplaneSettings, why: &str) -> DataPlaneFacts {
    DataPlaneFacts {
        url: configured.url.value.clone(),
        api_version: Known::unknown(why),
        memory_version: Known::unknown(why),
        disk_version: Known::unknown(why),
        md5_recorded: Known::unknown(why),
        md5_actual: Known::unknown(why),
        config_text: Known::unknown(why),
        last_known_good: Known::unknown(why),
        pending_reloads: Known::unknown(why),
        failed_reloads: Known::unknown(why),
        open_transactions: Known::unknown(why),
        config_file: Known::unknown(why),
        runtime_pid: Known::unknown(why),
        lets_us_in: Known::unknown(why),
        reloads_by: Known::unknown(why),
        other_writers: Known::unknown(why),
    }
}

/// The file that it writes, from its own process where that can be seen, else from what it reads.
fn with_local_files(
    facts: DataPlaneFacts,
    configured: &settings::DataplaneSettings,
    main: Option<&Process>,
) -> DataPlaneFacts {
    let process = find_server_process(&configured.url.value);
    let argv = process
        .as_ref()
        .map(|process| absolute_arguments(process, dataplane::parse_arguments(&process.argv)));
    let yml = argv.as_ref().and_then(|argv| argv.settings_file.as_ref());
    let settings =
        yml.and_then(|path| std::fs::read_to_string(path).ok()).map(|text| wire::parse_config(&text));
    let of_main = |main: &Process| -> Vec<(PathBuf, String)> {
        let files = main.haproxy_args().files.into_iter();
        let text = |file: String| {
            let text = linux::read_text_file(&paths::on_host(main, &file)).ok()?;
            Some((paths::absolute(main, &file), text))
        };
        files.filter_map(text).collect()
    };
    let candidates = main.map(of_main).unwrap_or_default();
    let file = dataplane::find_config_file(argv.as_ref(), settings.as_ref(), &facts.config_text, &candidates);
    let reloads_by = match (&process, &settings) {
        (_, Some(settings)) => Known::Seen(ReloadMethod::from_settings(settings)),
        (Some(process), None) => {
            Known::unknown(format!("the settings of PID {} cannot be read", process.pid))
        }
        (None, None) => Known::unknown("no dataplaneapi that listens there is seen on this host"),
    };
    let other_writers = file.as_ref().and_then(|file| find_other_writers(&file.path));
    DataPlaneFacts { reloads_by, other_writers, ..facts }.with_config_file(
        file,
        &settings.unwrap_or_default(),
        read_last_known_good,
    )
}

/// Programs that write configuration files from templates, by their process names (which the kernel cuts at 15 letters).
const TEMPLATE_WRITERS: &[&str] =
    &["consul-template", "confd", "nomad-haproxy", "haproxy-nomad", "envconsul", "gomplate"];

/// Those of them that run here and name the file, or HAProxy, among their arguments.
fn find_other_writers(file: &Path) -> anyhow::Result<Vec<String>> {
    let file = file.display().to_string();
    let named =
        |process: &Process| process.argv.iter().any(|word| word.contains(&file) || word.contains("haproxy"));
    let found = linux::processes_named(TEMPLATE_WRITERS)?;
    Ok(found.iter().filter(|p| named(p)).map(|p| format!("{} (PID {})", p.comm, p.pid)).collect())
}

fn absolute_arguments(process: &Process, argv: DataPlaneArguments) -> DataPlaneArguments {
    let absolute = |path: PathBuf| PathBuf::from(process.absolute(&path.to_string_lossy()));
    DataPlaneArguments {
        config_file: argv.config_file.map(absolute),
        settings_file: argv.settings_file.map(absolute),
    }
}

fn read_last_known_good(path: &Path) -> Known<String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| anyhow::anyhow!("reading {}: {error}", path.display()));
    text.into()
}

/// The dataplaneapi of this host that listens where the URL points.
fn find_server_process(url: &str) -> Option<Process> {
    let listens = |listener: &Listener| match (url.strip_prefix("unix:"), listener) {
        (Some(path), Listener::Unix(bound)) => bound == path,
        (None, Listener::Tcp(at)) => url_port(url) == Some(at.port()),
        _ => false,
    };
    let named = linux::processes_named(&["dataplaneapi"]).ok()?;
    named.into_iter().find(|process| linux::listeners(process.pid).is_ok_and(|all| all.iter().any(listens)))
}

fn url_port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    match authority.rsplit_once(':') {
        Some((_, port)) => port.parse().ok(),
        None => Some(if scheme == "https" { 443 } else { 80 }),
    }
}

/// Looks. Cannot fail: what could not be seen says why and what would mend it.
pub fn query_api(client: &DataPlane) -> DataPlaneFacts {
    let raw = known_or_reason(client.raw_configuration());
    let bytes = raw.as_ref().map(|raw| raw.body.as_slice());
    let memory_version = raw.as_ref().and_then(|raw| {
        raw.memory_version.ok_or_else(|| {
            Unknown::new(
                "the answer lacks the header Configuration-Version; is something between that drops it?",
            )
        })
    });
    let header = bytes.clone().map(wire::parse_header);
    let reloads = known_or_reason(client.reloads());
    let with = |status| {
        reloads.as_ref().map(|list| list.iter().filter(|reload| reload.status == status).cloned().collect())
    };
    let not_yet = || Known::unknown("not looked for yet");
    let info = client.api_version();
    let lets_us_in = match &info {
        Ok(_) => Known::Seen(true),
        Err(HttpError::WrongCredentials { .. } | HttpError::NoCredentials { .. }) => Known::Seen(false),
        Err(error) => Known::unknown(error.why()),
    };
    DataPlaneFacts {
        url: client.url().to_owned(),
        api_version: known_or_reason(info),
        memory_version,
        disk_version: header.as_ref().map(|header| header.version),
        md5_recorded: header.as_ref().map(|header| header.md5.clone()),
        md5_actual: bytes.clone().map(wire::expected_md5),
        config_text: bytes.map(|body| String::from_utf8_lossy(body).into_owned()),
        last_known_good: not_yet(),
        pending_reloads: with(ReloadStatus::InProgress),
        failed_reloads: with(ReloadStatus::Failed),
        open_transactions: known_or_reason(client.transactions()).map(|list| {
            list.into_iter()
                .filter(|transaction| transaction.status == TransactionStatus::InProgress)
                .collect()
        }),
        config_file: Known::unknown("not looked for yet"),
        runtime_pid: known_or_reason(client.runtime_pid()),
        lets_us_in,
        reloads_by: settings_not_read(),
        other_writers: settings_not_read(),
    }
}

fn settings_not_read<T>() -> Known<T> {
    Known::unknown("its settings were not looked at")
}

fn known_or_reason<T>(result: Result<T, HttpError>) -> Known<T> {
    match result {
        Ok(value) => Known::Seen(value),
        Err(error) => Known::unknown(error.why()),
    }
}
