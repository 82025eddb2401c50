//! The ledger as a table: a row for each kind of thing and fate, with numbers and the first names.

use unicode_width::UnicodeWidthStr;

use super::style::{Paint, effect_label};
use super::wrap::{escape_control_chars, paragraph};
use crate::plan::{Effect, Loss, LossKind};

/// How many names a row shows before it counts the rest.
const MAX_NAMES: usize = 3;
/// What stands before the two columns of fates.
const OBJECT_WIDTH: usize = 60;

/// The table: a row for each kind and fate.
pub(in crate::report) fn table(lines: &[Loss], paint: Paint) -> String {
    let heading = format!("{:<OBJECT_WIDTH$} {:<8} restart", "  runtime-only state", "reload");
    let mut text = vec![paint.strong(&heading)];
    for group in groups(lines) {
        let words = paragraph("  ", "    ", &row(&group), OBJECT_WIDTH);
        for (at, line) in words.lines().enumerate() {
            let fill = " ".repeat(OBJECT_WIDTH.saturating_sub(line.width()));
            text.push(match at {
                0 => format!("{line}{fill} {}", effect_columns(group[0], paint)).trim_end().to_owned(),
                _ => line.to_owned(),
            });
        }
    }
    text.join("\n")
}

/// The ledger in full: each object with its particulars.
pub(in crate::report) fn list(lines: &[Loss], paint: Paint) -> String {
    let mut text = vec![paint.strong("reload   restart  what")];
    for line in lines {
        let count = line.count.map_or("unknown".to_owned(), |count| count.to_string());
        let what = format!("{} {}: {count}", line.kind, line.object);
        let hang = " ".repeat(18);
        text.push(format!(
            "{}{}",
            effect_columns(line, paint),
            paragraph(&hang, &hang, &what, 80).split_off(17)
        ));
        if !line.detail.is_empty() {
            text.push(paint.faint(&paragraph(&hang, &hang, &line.detail, 80)));
        }
    }
    text.join("\n")
}

/// Both columns, eight wide each.
fn effect_columns(line: &Loss, paint: Paint) -> String {
    let cell = |fate: Effect| format!("{}{}", paint.effect(fate), " ".repeat(8 - effect_label(fate).len()));
    format!("{} {}", cell(line.on_reload), cell(line.on_restart))
}

/// Lines of one kind and one fate are one row; the ledger comes sorted by kind.
fn groups(lines: &[Loss]) -> Vec<Vec<&Loss>> {
    let mut groups: Vec<Vec<&Loss>> = Vec::new();
    for line in lines {
        // One reason for several lines is reported once.
        let one_row = |other: &Loss| match (other.count, line.count) {
            (None, None) => other.detail == line.detail,
            (Some(_), Some(_)) => other.kind == line.kind,
            _ => false,
        };
        let same_fate =
            |other: &Loss| (other.on_reload, other.on_restart) == (line.on_reload, line.on_restart);
        match groups.iter_mut().find(|group| same_fate(group[0]) && one_row(group[0])) {
            Some(group) => group.push(line),
            None => groups.push(vec![line]),
        }
    }
    groups
}

fn row(group: &[&Loss]) -> String {
    let kind = group[0].kind;
    let names: Vec<String> =
        group.iter().take(MAX_NAMES).map(|line| escape_control_chars(&line.object)).collect();
    let more = group.len().saturating_sub(MAX_NAMES);
    let rest = if more > 0 { format!(" +{more} more") } else { String::new() };
    let total: Option<u64> = group.iter().map(|line| line.count).sum();
    let Some(total) = total else {
        if kind == LossKind::UnloadableConfig {
            return format!(
                "unknown whether {} can be loaded ({})",
                names.join(", "),
                escape_control_chars(&group[0].detail)
            );
        }
        let mut kinds: Vec<&str> = group.iter().map(|line| noun(line.kind, 2)).collect();
        kinds.dedup();
        let of = if kinds.len() > 1 { String::new() } else { format!(" of {}{rest}", names.join(", ")) };
        return format!("unknown {}{of} ({})", kinds.join(", "), escape_control_chars(&group[0].detail));
    };
    let counted = format!("{} {}", thousands(total), noun(kind, total));
    let detail = if group.len() == 1 { escape_control_chars(&group[0].detail) } else { String::new() };
    match (kind, detail.is_empty()) {
        (LossKind::Connections, true) => counted,
        (LossKind::Connections, false) => format!("{counted} ({detail})"),
        (_, true) => format!("{counted}: {}{rest}", names.join(", ")),
        (_, false) => format!("{counted}: {} ({detail})", names.join(", ")),
    }
}

fn noun(kind: LossKind, count: u64) -> &'static str {
    let (one, many) = match kind {
        LossKind::Connections => ("open connection", "open connections"),
        LossKind::UnloadableConfig => {
            ("configuration that cannot be loaded", "configurations that cannot be loaded")
        }
        LossKind::MemoryOnlyConfig => ("proxy in no loaded file", "proxies in no loaded file"),
        LossKind::DynamicServer => ("server in no loaded file", "servers in no loaded file"),
        LossKind::ServerAdminState => ("server state set at run time", "server states set at run time"),
        LossKind::ServerWeight => ("weight set at run time", "weights set at run time"),
        LossKind::ServerAddress => ("address not in the files", "addresses not in the files"),
        LossKind::MapEntry => ("map entry not as in its file", "map entries not as in their files"),
        LossKind::AclEntry => ("ACL entry not as in its file", "ACL entries not as in their files"),
        LossKind::StickTable => ("stick-table entry", "stick-table entries"),
        LossKind::Certificate => ("certificate not as on disk", "certificates not as on disk"),
        LossKind::PendingReload => ("pending change", "pending changes"),
    };
    if count == 1 { one } else { many }
}

/// A number with thin groups, so that 18022 is read right at 3 a.m.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.len() > 4 {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Provenance;

    fn loss(kind: LossKind, object: &str, count: Option<u64>) -> Loss {
        let (on_reload, on_restart) = (Effect::Lost, Effect::Lost);
        Loss {
            kind,
            object: object.into(),
            count,
            on_reload,
            on_restart,
            detail: "why".into(),
            how: Provenance::Read,
        }
    }

    #[test]
    fn numbers_are_grouped_from_ten_thousand_on() {
        assert_eq!([1, 9999, 18022, 1234567].map(thousands), ["1", "9999", "18 022", "1 234 567"]);
    }

    #[test]
    fn four_servers_are_one_row_with_three_names() {
        let lines: Vec<Loss> =
            ["a/1", "a/2", "b/1", "b/2"].map(|name| loss(LossKind::DynamicServer, name, Some(1))).into();
        let text = table(&lines, Paint { color: false });
        assert!(text.contains("4 servers in no loaded file: a/1, a/2, b/1 +1 more"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn what_could_not_be_counted_is_never_a_zero() {
        let text = table(&[loss(LossKind::StickTable, "stick tables", None)], Paint { color: false });
        assert!(text.contains("unknown stick-table entries") && !text.contains('0'), "{text}");
    }

    #[test]
    fn a_row_with_a_long_path_stays_on_the_page() {
        let long = format!("/very/{}/domains.map", "long/".repeat(30));
        let text = table(&[loss(LossKind::MapEntry, &long, Some(14))], Paint { color: false });
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(text.contains("LOST"));
    }

    #[test]
    fn the_full_list_has_a_line_for_each_object_and_stays_on_the_page() {
        let lines: Vec<Loss> =
            ["a/1", &"long/".repeat(30)].map(|n| loss(LossKind::ServerWeight, n, Some(1))).into();
        let text = list(&lines, Paint { color: false });
        assert!(text.contains("LOST     LOST     server-weight a/1: 1"), "{text}");
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
    }

    #[test]
    fn colour_touches_only_the_fates() {
        let text = table(&[loss(LossKind::DynamicServer, "web/LOST", Some(1))], Paint { color: true });
        assert_eq!(text.matches("\u{1b}[1m\u{1b}[31mLOST").count(), 2, "{text:?}");
        assert!(text.contains("web/LOST (why)"), "{text:?}");
    }
}
