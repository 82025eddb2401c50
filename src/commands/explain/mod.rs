//! `explain`: why a check, a kind of loss, a refusal or an exit code exists. It needs no host and no network.
//!
//! - `topics`: the texts

mod topics;

use clap::Args;

use crate::checks::{self, catalog};
use crate::error::Failure;
use crate::exit::{CHANGE_RULE, Exit};
use crate::plan::losses::KINDS;
use crate::report::{Body, Explanation, Report, ReportTable};

use topics::TOPICS;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Check, group of checks, kind of loss, exit code or command (default: list all subjects)
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// Explains one subject, or lists them all.
pub(super) fn run(args: &ExplainArgs) -> Result<Report, Failure> {
    let Some(id) = &args.id else { return Ok(list_subjects()) };
    let Some((title, text)) =
        topic(id).or_else(|| check(id)).or_else(|| exit_code(id)).or_else(|| check_group(id))
    else {
        let error = anyhow::anyhow!("no subject `{id}`: did you mean `{}`?", nearest(id));
        return Err(Failure::usage(error).with_remedy("`haguard explain` lists the subjects"));
    };
    let body = Body::Explanation(Explanation { id: id.clone(), title: title.clone(), text });
    Ok(Report::new("explain", Exit::Done, title, body))
}

type TitleAndParagraphs = Option<(String, Vec<String>)>;

fn topic(id: &str) -> TitleAndParagraphs {
    if id == "exit-codes" {
        return Some((CODES.to_owned(), exit_codes()));
    }
    let (_, title, text) = TOPICS.iter().find(|(name, ..)| *name == id)?;
    Some(((*title).to_owned(), text.iter().map(|paragraph| (*paragraph).to_owned()).collect()))
}

/// A check, with the operations that require it, or a kind of loss.
fn check(id: &str) -> TitleAndParagraphs {
    if let Some(kind) = KINDS.iter().find(|kind| kind.to_string() == id) {
        return Some(("a kind of loss".to_owned(), vec![kind.explanation().to_owned()]));
    }
    let check = catalog::find(id)?;
    let mut text = vec![check.why.to_owned()];
    let wanting = checks::operations_requiring(id);
    if !wanting.is_empty() {
        text.push(format!("Must pass or warn before: {}.", wanting.join(", ")));
    }
    text.extend(checks::not_ignorable(id).map(|why| format!("It cannot be ignored: {why}.")));
    Some((check.title.to_owned(), text))
}

fn exit_code(id: &str) -> TitleAndParagraphs {
    let exit = Exit::ALL.into_iter().find(|exit| exit.code().to_string() == id)?;
    Some((exit.meaning().to_owned(), vec![exit.explanation().to_owned()]))
}

fn check_group(id: &str) -> TitleAndParagraphs {
    let group = catalog::all_checks().filter(|check| check.group() == id);
    let lines: Vec<String> = group.map(|check| format!("{}: {}", check.id, check.title)).collect();
    (!lines.is_empty()).then(|| {
        (format!("the checks of the group {id}; each sentence is true when its check passes"), lines)
    })
}

const CODES: &str = "the exit codes, in every format but nagios";

fn exit_codes() -> Vec<String> {
    let mut lines: Vec<String> =
        Exit::ALL.iter().map(|exit| format!("{}: {}", exit.code(), exit.meaning())).collect();
    lines.push(
        "check -o nagios alone has the states of a Nagios plugin: 0 ok, 1 warning, 2 critical where a check failed, 3 \
         where something is unknown or could not be read."
            .to_owned(),
    );
    lines.push(format!("{CHANGE_RULE} `haguard explain 8` says what to do about one of them."));
    lines
}

fn all_subjects() -> impl Iterator<Item = (String, &'static str)> {
    let codes = [("exit-codes".to_owned(), "the exit codes; each by its number too")];
    let topics = TOPICS.iter().map(|(name, title, _)| ((*name).to_owned(), *title));
    let checks = catalog::all_checks().map(|check| (check.id.to_owned(), check.title));
    let kinds = KINDS.iter().map(|kind| (kind.to_string(), "a kind of loss"));
    codes.into_iter().chain(topics).chain(checks).chain(kinds)
}

/// The most similar subject. The group of a check may be left out; a number that is no exit code leads to the list.
fn nearest(id: &str) -> String {
    if id.parse::<u32>().is_ok() {
        return "exit-codes".to_owned();
    }
    let similarity = |name: &str| (strsim::jaro_winkler(id, name) * 1e6) as u64;
    let score = |(name, _): &(String, &str)| {
        let short = name.split_once('.').map_or(0, |(_, short)| similarity(short));
        similarity(name).max(short)
    };
    all_subjects().max_by_key(score).map_or_else(|| "restart".to_owned(), |(name, _)| name)
}

fn list_subjects() -> Report {
    let rows = all_subjects().map(|(id, title)| vec![id, title.to_owned()]).collect();
    let body = Body::Table(ReportTable { columns: vec!["id", "about"], rows });
    Report::new("explain", Exit::Done, "what can be explained", body)
}
