//! Certificates and stick tables.

use super::{Item, Step, Verdict, both, cannot_tell, entries};
use crate::facts::runtime_state::HeldCertificate;
use crate::facts::{Holdings, Known, Loaded};
use crate::plan::losses::Kind;

pub(super) fn items(old: &Holdings, new: &Holdings, loaded: &Loaded, items: &mut Vec<Item>) {
    let kind = Kind::Certificate;
    let Some((held, now)) = both(&old.certificates, &new.certificates, kind, "certificates", items) else {
        return;
    };
    for certificate in held {
        let new = now.iter().find(|other| other.name == certificate.name);
        let same = match (&certificate.sha1, new.map(|new| &new.sha1)) {
            (Known::Seen(old), Some(Known::Seen(new))) => Known::Seen(old == new),
            (Known::Unknown { why }, _) | (_, Some(Known::Unknown { why })) => Known::unknown(why.clone()),
            (Known::Seen(_), None) => Known::Seen(false),
        };
        let detail = "set at run time".to_owned();
        let verdict = match same {
            Known::Seen(true) => continue,
            Known::Unknown { why } => Verdict::Cannot(why),
            Known::Seen(false) if new.is_none() => Verdict::Cannot(
                "no line of the configuration loads it, and what used it is not known: add it to a crt-list"
                    .into(),
            ),
            Known::Seen(false) => judged(certificate, loaded),
        };
        items.push(Item { kind, object: certificate.name.clone(), what: "certificate", detail, verdict });
    }
}

/// One whose name the new worker has, with another certificate behind it.
fn judged(certificate: &HeldCertificate, loaded: &Loaded) -> Verdict {
    let name = &certificate.name;
    let again = format!("`set ssl cert {name}` and `commit ssl cert {name}`");
    match (loaded.untouched(name), &certificate.pem) {
        (Known::Seen(true), Known::Seen(pem)) => {
            Verdict::PutBack(vec![Step::Certificate { name: name.clone(), pem: pem.clone() }])
        }
        (Known::Seen(true), Known::Unknown { why }) => Verdict::Cannot(format!("{why}; {again} put it back")),
        (Known::Seen(false), _) => {
            Verdict::Cannot(cannot_tell(&format!("{name} was written after the worker started"), &again))
        }
        (Known::Unknown { why }, _) => Verdict::Cannot(cannot_tell(&why, &again)),
    }
}

/// Entries of a table that no peers section carries over are gone.
pub(super) fn tables(old: &Holdings, items: &mut Vec<Item>) {
    let kind = Kind::StickTable;
    let tables = match &old.tables {
        Known::Unknown { why } => {
            let detail = "stick tables could not be read".to_owned();
            return items.push(Item::cannot(kind, "stick tables".into(), "all", detail, why.clone()));
        }
        Known::Seen(tables) => tables,
    };
    for table in tables.iter().filter(|table| !table.carried) {
        let used = usize::try_from(table.used).unwrap_or(usize::MAX);
        let detail = entries(used);
        let why = "a table without a peers section is not put back: give it one with a local peer".to_owned();
        items.push(Item::cannot(kind, table.name.clone(), "entries", detail, why));
    }
}
