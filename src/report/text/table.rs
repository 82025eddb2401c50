//! Rows under named columns. An id, a key or a time in the first column is never broken.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::wrap::{WIDTH, escape_control_chars, paragraph};
use crate::report::{Paint, ReportTable};

/// What stands between two columns.
const GAP: usize = 2;
/// A first column up to this width stays whole.
const MAX_KEY_WIDTH: usize = 40;

/// Writes the table; a column called `group` becomes headings, and what needs a check stands behind its title.
pub(super) fn write(table: &ReportTable, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if table.rows.is_empty() {
        return writeln!(out, "none");
    }
    match table.columns.as_slice() {
        ["id", "group", "wanted by", title] => write_catalogue(table, title, out, paint),
        columns => {
            let heading = columns.iter().map(|name| (*name).to_owned()).collect();
            let rows: Vec<Vec<String>> = std::iter::once(heading).chain(table.rows.iter().cloned()).collect();
            let widths = widths(&rows, WIDTH);
            rows.iter().try_for_each(|row| write_row(row, &widths, "", out))
        }
    }
}

/// The checks of `check --list`: a heading for each group, then a row for each check.
fn write_catalogue(table: &ReportTable, title: &str, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    let row = |row: &Vec<String>| match row[2].as_str() {
        "" => vec![row[0].clone(), row[3].clone()],
        operations => vec![row[0].clone(), format!("{} ({})", row[3], operations.replace(' ', ", "))],
    };
    let rows: Vec<Vec<String>> = table.rows.iter().map(row).collect();
    let widths = widths(&rows, WIDTH - GAP);
    let mut group = "";
    let heading = vec!["id".to_owned(), format!("{title} (before which operations)")];
    write_row(&heading, &widths, "  ", out)?;
    for (row, shown) in table.rows.iter().zip(&rows) {
        if group != row[1] {
            group = &row[1];
            writeln!(out, "\n{}", paint.strong(group))?;
        }
        write_row(shown, &widths, "  ", out)?;
    }
    Ok(())
}

/// How wide each column is: as wide as its longest cell where there is room, else the wide ones share what is left.
fn widths(rows: &[Vec<String>], width: usize) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let longest =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width()).max().unwrap_or(0);
    let wanted: Vec<usize> = (0..columns).map(longest).collect();
    let mut widths = vec![0; columns];
    let mut left = width.saturating_sub(GAP * columns.saturating_sub(1));
    let mut open: Vec<usize> = (0..columns).collect();
    if wanted.first().is_some_and(|key| *key <= MAX_KEY_WIDTH) {
        (widths[0], left) = (wanted[0], left.saturating_sub(wanted[0]));
        open.remove(0);
    }
    // A column that wants no more than its share gets that, which leaves more to the others.
    while !open.is_empty() {
        let share = left / open.len();
        let (fit, wide): (Vec<usize>, Vec<usize>) = open.iter().partition(|at| wanted[**at] <= share);
        if fit.is_empty() {
            wide.iter().for_each(|at| widths[*at] = share);
            break;
        }
        for at in fit {
            (widths[at], left) = (wanted[at], left - wanted[at]);
        }
        open = wide;
    }
    widths
}

fn write_row(row: &[String], widths: &[usize], indent: &str, out: &mut impl Write) -> io::Result<()> {
    let wrap = |(cell, width): (&String, &usize)| paragraph("", "", &escape_control_chars(cell), *width);
    let cells: Vec<String> = row.iter().zip(widths).map(wrap).collect();
    let height = cells.iter().map(|cell| cell.lines().count()).max().unwrap_or(0).max(1);
    for at in 0..height {
        let mut line = indent.to_owned();
        for (cell, width) in cells.iter().zip(widths) {
            let part = cell.lines().nth(at).unwrap_or_default();
            line += part;
            line += &" ".repeat(width.saturating_sub(part.width()) + GAP);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checks::{catalog, operations_requiring};

    fn render(columns: Vec<&'static str>, rows: Vec<Vec<String>>) -> String {
        let mut out = Vec::new();
        write(&ReportTable { columns, rows }, &mut out, Paint { color: false }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_id_of_the_list_of_checks_stands_whole_under_its_group() {
        let cells = |check: &crate::checks::Check| {
            let operations = operations_requiring(check.id).join(" ");
            vec![check.id.to_owned(), check.group().to_owned(), operations, check.title.to_owned()]
        };
        let columns = vec!["id", "group", "wanted by", "true when all is well"];
        let text = render(columns, catalog::all_checks().map(cells).collect());
        assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
        for check in catalog::all_checks() {
            let whole = text.lines().any(|line| line.split_whitespace().next() == Some(check.id));
            assert!(whole && text.lines().any(|line| line == check.group()), "{}: {text}", check.id);
        }
        assert!(
            text.contains("which process it is (reload, restart)") || text.contains("(reload,"),
            "{text}"
        );
    }

    #[test]
    fn a_table_that_fits_is_as_wide_as_its_cells() {
        let rows = vec![vec!["a".to_owned(), "bb".to_owned()], vec!["cccc".to_owned(), String::new()]];
        assert_eq!(render(vec!["k", "v"], rows), "k     v\na     bb\ncccc\n");
    }

    proptest! {
        #[test]
        fn no_table_leaves_the_page_and_no_key_is_broken(
            rows in proptest::collection::vec(("[a-z.-]{1,40}", "[a-z/ ]{0,120}", "[a-z/ ]{0,120}"), 1..6),
        ) {
            let keys: Vec<String> = rows.iter().map(|row| row.0.clone()).collect();
            let text = render(vec!["k", "v", "w"], rows.into_iter().map(|(a, b, c)| vec![a, b, c]).collect());
            for line in text.lines() {
                prop_assert!(line.width() <= WIDTH, "{}", line);
            }
            for key in keys {
                prop_assert!(text.lines().any(|line| line.split(' ').next() == Some(&key)), "{}: {}", key, text);
            }
        }
    }
}
