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
    fill(first, others, text.split(' ').filter(|word| !word.is_empty()), "", width)
}

/// Wraps a command between its words with a backslash, so that it can still be pasted.
pub fn command(indent: &str, text: &str) -> String {
    fill(indent, &format!("{indent}  "), shell_words(&escape_control_chars(text)), " \\", WIDTH)
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

/// A word that is too long for any line is broken in prose and left whole in a command.
fn fill<'a>(
    first: &str,
    hang: &str,
    words: impl IntoIterator<Item = &'a str>,
    continued: &str,
    width: usize,
) -> String {
    let room = |start: &str| width.saturating_sub(start.width() + continued.width()).max(10);
    let mut lines: Vec<String> = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in words {
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

    proptest! {
        #[test]
        fn prose_never_leaves_the_page(text in "\\PC{0,300}", first in " {0,8}") {
            for line in prose(&first, &text).lines() {
                prop_assert!(line.width() <= WIDTH, "{}", line);
            }
        }
    }
}
