//! The words of an `ExecStart=` as the program gets them: with systemd's variables, which are not a shell's.

use std::collections::BTreeMap;

/// Puts variables into the words: `$NAME` alone becomes the words of its value, none where it is not set; `${NAME}` becomes
/// its value, wherever it stands; `$$` is a dollar.
pub fn expand(words: &[String], environment: &BTreeMap<String, String>) -> Vec<String> {
    let mut all = Vec::new();
    for word in words {
        match word.strip_prefix('$') {
            Some(name) if !name.starts_with(['{', '$']) => {
                all.extend(environment.get(name).map(|value| split_value(value)).unwrap_or_default());
            }
            _ => all.push(expand_in_word(word, environment)),
        }
    }
    all
}

/// `${NAME}` and `$$` in a word; a name that is not set is nothing.
fn expand_in_word(word: &str, environment: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let braced = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        rest = match (after.strip_prefix('$'), braced) {
            (Some(after), _) => {
                text.push('$');
                after
            }
            // A colon is systemd's sign of a form that it does not know here.
            (None, Some((name, after))) if !name.contains(':') => {
                text.push_str(environment.get(name).map_or("", String::as_str));
                after
            }
            _ => {
                text.push('$');
                after
            }
        };
    }
    text + rest
}

/// The words of a value: blanks part them, quotes of both kinds keep them together, a backslash keeps the next letter.
fn split_value(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) => match letters.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => break,
            },
            (letter, Some(open)) if letter == open => quote = None,
            (letter, Some(_)) => word.get_or_insert_default().push(letter),
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (' ' | '\t' | '\n' | '\r', None) => words.extend(word.take()),
            (letter, None) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expanded(line: &[&str]) -> Vec<String> {
        let environment =
            [("A", "1"), ("OPTS", "-S '/run/a b' -n\t5"), ("EMPTY", ""), ("Q", r#"a"b c"d\ e"#)];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        expand(&line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), &environment)
    }

    #[test]
    fn a_variable_alone_becomes_its_words_and_one_in_braces_its_value() {
        assert_eq!(expanded(&["h", "-f", "$A", "$OPTS"]), ["h", "-f", "1", "-S", "/run/a b", "-n", "5"]);
        assert_eq!(expanded(&["${OPTS}", "x${A}y${A}"]), ["-S '/run/a b' -n\t5", "x1y1"]);
        assert_eq!(expanded(&["$Q"]), ["ab cd e"]);
        assert_eq!(expanded(&["$EMPTY", "$NONE", "${NONE}", "$A-x"]), [""]);
    }

    #[test]
    fn what_is_no_variable_stays() {
        assert_eq!(
            expanded(&["$$A", "a$A", "$${A}", "${A", "100$", "${A:-x}"]),
            ["$A", "a$A", "${A}", "${A", "100$", "${A:-x}"]
        );
    }

    proptest! {
        #[test]
        fn no_words_make_it_panic(words in proptest::collection::vec("[$a{}A:\\\\\"' é]{0,8}", 0..5), value in "\\PC{0,12}") {
            let environment = [("A".to_owned(), value.clone()), ("a".to_owned(), value)].into();
            let _ = expand(&words, &environment);
        }
    }
}
