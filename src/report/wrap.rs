//! Text that fits: no line is wider than the page, and no foreign name can steer the terminal.

use unicode_width::UnicodeWidthStr;

/// The page: what a terminal of 80 columns shows without wrapping.
pub const WIDTH: usize = 80;

/// A name from outside with what a terminal would obey taken out.
pub fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Wraps prose at blanks; the first line starts with `first`, the others with as many blanks.
pub fn prose(first: &str, text: &str) -> String {
    paragraph(first, &" ".repeat(first.width()), text, WIDTH)
}

/// The same with another start for the lines that follow, within `width` columns.
pub fn paragraph(first: &str, others: &str, text: &str, width: usize) -> String {
    fill(first, others, &tame(text), "", width)
}

/// Wraps a command at blanks with a backslash, so that it can still be pasted.
pub fn command(indent: &str, text: &str) -> String {
    fill(indent, &format!("{indent}  "), &tame(text), " \\", WIDTH)
}

/// A word that is too long for any line is broken in prose and left whole in a command.
fn fill(first: &str, hang: &str, text: &str, continued: &str, width: usize) -> String {
    let room = |start: &str| width.saturating_sub(start.width() + continued.width()).max(10);
    let mut lines: Vec<String> = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut rest = word;
        let start = if lines.is_empty() { first } else { hang };
        let fits = line.width() + usize::from(!empty) + rest.width() + continued.width() <= width;
        if !empty && !fits {
            lines.push(format!("{line}{continued}"));
            line = hang.to_owned();
            empty = true;
        }
        while continued.is_empty() && rest.width() > room(start) {
            let cut = rest
                .char_indices()
                .map(|(at, _)| at)
                .take_while(|at| rest[..*at].width() <= room(start))
                .last();
            let (head, tail) = rest.split_at(cut.filter(|at| *at > 0).unwrap_or(rest.len()));
            lines.push(format!("{line}{head}"));
            line = hang.to_owned();
            rest = tail;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(rest);
        empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_command_can_still_be_pasted() {
        let long = format!("haproxy -c {}", "-f /etc/haproxy/one.cfg ".repeat(6));
        let shown = command("    ", long.trim());
        assert!(shown.lines().all(|line| line.width() <= WIDTH), "{shown}");
        let joined = shown.replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(joined, long.trim());
    }

    #[test]
    fn an_escape_sequence_in_a_name_is_shown_not_obeyed() {
        assert_eq!(tame("a\u{1b}[31mb\r"), "a\u{fffd}[31mb\u{fffd}");
    }

    proptest! {
        #[test]
        fn prose_never_leaves_the_page(text in "\\PC{0,300}", first in " {0,8}") {
            for line in prose(&first, &text).lines() {
                prop_assert!(line.width() <= WIDTH, "{}", line);
            }
        }
    }
}
