//! Certificates and stick tables.

use super::{ReplayItem, ReplayStep, ReplayVerdict, ambiguous_change, count_entries, known_pair};
use crate::facts::runtime_state::RuntimeCertificate;
use crate::facts::{Known, LoadedConfig, RuntimeState};
use crate::known::Unknown;
use crate::plan::diff::pair_by;
use crate::plan::losses::LossKind;

pub(super) fn add_items(
    old: &RuntimeState,
    new: &RuntimeState,
    loaded: &LoadedConfig,
    items: &mut Vec<ReplayItem>,
) {
    let kind = LossKind::Certificate;
    let Some((held, now)) = known_pair(&old.certificates, &new.certificates, kind, "certificates", items)
    else {
        return;
    };
    // An empty place holds nothing, and is no place to put a certificate into.
    let filled = |one: &&RuntimeCertificate| one.sha1 != Known::Seen(None);
    for pair in pair_by(held, now, |one| one.name.as_str()) {
        let (Some(certificate), new) = (pair.live.filter(filled), pair.next.filter(filled)) else { continue };
        let same = || match (certificate.sha1.get()?, new) {
            (old, Some(new)) => Ok::<_, Unknown>(old == new.sha1.get()?),
            (_, None) => Ok(false),
        };
        let detail = "set at run time".to_owned();
        let verdict = match same() {
            Ok(true) => continue,
            Err(Unknown { why }) => ReplayVerdict::NotRestorable(why),
            Ok(false) if new.is_none() => ReplayVerdict::NotRestorable(
                "no line of the configuration loads it, and what used it is not known: add it to a crt-list"
                    .into(),
            ),
            Ok(false) => certificate_verdict(certificate, loaded),
        };
        items.push(ReplayItem {
            kind,
            object: certificate.name.clone(),
            what: "certificate",
            detail,
            verdict,
        });
    }
}

/// A certificate that the new worker has under the same name, but with another content.
fn certificate_verdict(certificate: &RuntimeCertificate, loaded: &LoadedConfig) -> ReplayVerdict {
    let name = &certificate.name;
    let again = format!("`set ssl cert {name}` and `commit ssl cert {name}`");
    match (loaded.is_unchanged(name), &certificate.pem) {
        (Known::Seen(true), Known::Seen(pem)) => {
            ReplayVerdict::Restore(vec![ReplayStep::Certificate { name: name.clone(), pem: pem.clone() }])
        }
        (Known::Seen(true), Known::Unknown { why }) => {
            ReplayVerdict::NotRestorable(format!("{why}; {again} put it back"))
        }
        (Known::Seen(false), _) => ReplayVerdict::NotRestorable(ambiguous_change(
            &format!("{name} was written after the worker started"),
            &again,
        )),
        (Known::Unknown { why }, _) => ReplayVerdict::NotRestorable(ambiguous_change(&why, &again)),
    }
}

/// Entries of a table without a peers section are lost in a reload.
pub(super) fn add_stick_table_items(old: &RuntimeState, items: &mut Vec<ReplayItem>) {
    let kind = LossKind::StickTable;
    let tables = match old.tables.get() {
        Err(Unknown { why }) => {
            let (object, detail) = ("stick tables".to_owned(), "stick tables could not be read".to_owned());
            return items.push(ReplayItem::not_restorable(kind, object, "all", detail, why));
        }
        Ok(tables) => tables,
    };
    for table in tables.iter().filter(|table| table.used > 0 && table.peers.is_none()) {
        let used = usize::try_from(table.used).unwrap_or(usize::MAX);
        let detail = count_entries(used);
        let why = "a table without a peers section is not put back: give it one with a local peer".to_owned();
        items.push(ReplayItem::not_restorable(kind, table.name.clone(), "entries", detail, why));
    }
}
