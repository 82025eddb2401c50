//! Text that fits: no line is wider than the page, and no foreign name can steer the terminal.

use unicode_width::UnicodeWidthStr;

/// The page: what a terminal of 80 columns shows without wrapping.
pub const WIDTH: usize = 80;

/// A name from outside with what a terminal would obey taken out, and what would hide or turn round a part of it.
pub fn escape_control_chars(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_invisible(c) { '\u{fffd}' } else { c }).collect()
}

/// Marks of direction, joiners and blanks of no width.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Wraps prose at blanks; the first line starts with `first`, the others with as many blanks.
pub fn prose(first: &str, text: &str) -> String {
    paragraph(first, &" ".repeat(first.width()), text, WIDTH)
}

/// The same with another start for the lines that follow, within `width` columns.
pub fn paragraph(first: &str, others: &str, text: &str, width: usize) -> String {
    let text = escape_control_chars(text);
    let (mut lines, mut line, mut empty) = (Vec::new(), first.to_owned(), true);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !empty && line.width() + 1 + word.width() > width {
            lines.push(std::mem::replace(&mut line, others.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        let mut rest = word;
        // Only a word that stands alone on its line can be too long for it.
        while empty && rest.width() > room(&line, width) {
            let (head, tail) = break_word(rest, room(&line, width));
            line.push_str(head);
            lines.push(std::mem::replace(&mut line, others.to_owned()));
            rest = tail;
        }
        line.push_str(rest);
        empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

/// One line of at most `width` columns: what does not fit is cut off, and `..` says so.
pub fn one_line(text: &str, width: usize) -> String {
    let text = escape_control_chars(text);
    if text.width() <= width {
        return text;
    }
    let (head, _) = split_at_width(&text, width.saturating_sub(2));
    format!("{}..", head.trim_end())
}

/// What is left of a line after its start. Less than ten columns would make a column of syllables.
fn room(start: &str, width: usize) -> usize {
    width.saturating_sub(start.width()).max(10)
}

/// Breaks a word that is too long for a line: after a `/` in the second half of the line, so that the names in a path
/// stay whole, else at the last column.
fn break_word(word: &str, room: usize) -> (&str, &str) {
    let (head, tail) = split_at_width(word, room);
    match head.rfind('/').map(|at| at + 1).filter(|at| *at > head.len() / 2) {
        Some(at) => word.split_at(at),
        None => (head, tail),
    }
}

/// As much as fits into so many columns, and the rest; at least one character fits.
fn split_at_width(text: &str, width: usize) -> (&str, &str) {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let fits = ends.take_while(|end| text[..*end].width() <= width).last();
    let one = text.chars().next().map_or(0, char::len_utf8);
    text.split_at(fits.unwrap_or(one))
}

/// Wraps a command between its words with a backslash, so that it can still be pasted.
pub fn command(indent: &str, text: &str) -> String {
    let hang = format!("{indent}  ");
    let text = escape_control_chars(text);
    let (mut lines, mut line, mut empty) = (Vec::new(), indent.to_owned(), true);
    for word in shell_words(&text) {
        // The blank and the backslash need room on every line but the last, and which that is shows later.
        if !empty && line.width() + 1 + word.width() + 2 > WIDTH {
            lines.push(std::mem::replace(&mut line, hang.clone()) + " \\");
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        let mut rest = word;
        // A word in quotes is the one thing that stays longer than a line: within quotes a backslash is text.
        while empty && !word.contains(['\'', '"']) && line.width() + rest.width() + 2 > WIDTH {
            let (head, tail) = break_shell_word(rest, room(&line, WIDTH - 2));
            if tail.is_empty() {
                break;
            }
            line.push_str(head);
            // The shell joins both parts, so the second one begins in the first column.
            lines.push(std::mem::take(&mut line) + "\\");
            rest = tail;
        }
        line.push_str(rest);
        empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

/// The same for a word of a command. No part ends with a backslash, which would take the meaning of the one that joins.
fn break_shell_word(word: &str, room: usize) -> (&str, &str) {
    let (head, _) = break_word(word, room);
    match head.trim_end_matches('\\').len() {
        0 => (word, ""),
        cut => word.split_at(cut),
    }
}

/// The words of a command; a blank in quotes belongs to the word, and a backslash at a line's end would, too.
fn shell_words(text: &str) -> Vec<&str> {
    // Within $'..' a backslash takes the meaning of what follows, within '..' it is a backslash.
    let (mut quoted, mut dollar, mut escaped, mut before) = (false, false, false, ' ');
    let between = |c: char| {
        let (outside, taken) = (!quoted && !escaped, escaped);
        if c == '\'' && !taken {
            quoted = !quoted;
            dollar = quoted && before == '$';
        }
        escaped = c == '\\' && !taken && (!quoted || dollar);
        before = c;
        c == ' ' && outside
    };
    text.split(between).filter(|word| !word.is_empty()).collect()
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
    fn a_command_is_not_broken_within_quotes() {
        let script = format!("'echo  {}'", "one two  three ".repeat(6));
        let shown = command("    ", &format!("sudo -u web sh -c {script} it'\\'' s"));
        assert!(shown.contains(&script), "{shown}");
        assert_eq!(shell_words(r"a 'b  c'\''d e' f"), ["a", r"'b  c'\''d e'", "f"]);
        assert_eq!(shell_words(r"a $'b\n it\'s c' d"), ["a", r"$'b\n it\'s c'", "d"]);
    }

    #[test]
    fn an_escape_sequence_in_a_name_is_shown_not_obeyed() {
        assert_eq!(escape_control_chars("a\u{1b}[31mb\r"), "a\u{fffd}[31mb\u{fffd}");
        assert_eq!(escape_control_chars("gpj.\u{202e}exe\u{200b}"), "gpj.\u{fffd}exe\u{fffd}");
    }

    #[test]
    fn a_long_word_of_a_command_is_broken_where_the_shell_joins_it_again() {
        let path = format!("/srv/{}haproxy.cfg", "folder-of-a-customer/".repeat(9));
        let shown = command("    ", &format!("haproxy -c -f {path} -f /etc/two.cfg"));
        assert!(shown.lines().all(|line| line.width() <= WIDTH), "{shown}");
        let joined = shown.replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(joined, format!("haproxy -c -f {path} -f /etc/two.cfg"));
        let quoted = format!("'{}'", "x".repeat(90));
        assert!(
            command("    ", &format!("echo {quoted}")).contains(&quoted),
            "within quotes nothing is broken"
        );
    }

    #[test]
    fn a_long_path_is_broken_after_a_slash_and_a_long_name_at_the_last_column() {
        let path = format!("/{}routes.map", "folder-of-a-customer/".repeat(6));
        let shown = prose("  ", &path);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.len() == 2 && lines[0].ends_with("customer/") && lines[0].width() <= WIDTH, "{shown}");
        assert_eq!(prose("  ", &"x".repeat(100)).lines().next().unwrap().width(), WIDTH);
    }

    #[test]
    fn what_has_one_line_is_cut_and_says_so() {
        assert_eq!(one_line("short", 9), "short");
        assert_eq!(one_line("a long line", 9), "a long..");
    }

    proptest! {
        #[test]
        fn a_command_without_quotes_never_leaves_the_page(words in proptest::collection::vec("[a-z/.-]{1,120}", 1..8)) {
            let typed = words.join(" ");
            let shown = command("    ", &typed);
            prop_assert!(shown.lines().all(|line| line.width() <= WIDTH), "{}", shown);
            let joined = shown.replace("\\\n", "");
            prop_assert_eq!(joined.split_whitespace().collect::<Vec<_>>().join(" "), typed);
        }

        #[test]
        fn prose_never_leaves_the_page(text in "\\PC{0,300}", first in " {0,8}") {
            for line in prose(&first, &text).lines() {
                prop_assert!(line.width() <= WIDTH, "{}", line);
            }
        }
    }
}
