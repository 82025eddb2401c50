//! Files of maps and ACLs, as HAProxy reads them: one pattern a line, `#` starts a comment line.

/// How a line of the configuration names the file of a list: whether the file may be missing, and the name by which a
/// worker knows the list. The prefix of a `virt@` list, which has no file, is a part of its name.
pub fn split_prefix(path: &str) -> (bool, &str) {
    match (path.strip_prefix("opt@"), path.strip_prefix("file@")) {
        (Some(name), _) => (true, name),
        (_, Some(name)) => (false, name),
        _ => (false, path),
    }
}

/// Keys and values of a map file, in order. A key without a value has an empty one.
pub fn parse_map(text: &str) -> impl Iterator<Item = (&str, &str)> {
    lines(text).map(|line| match line.split_once([' ', '\t']) {
        Some((key, rest)) => (key, rest.trim_start_matches([' ', '\t'])),
        None => (line, ""),
    })
}

/// Patterns of an ACL file, in order; a pattern may hold blanks.
pub fn parse_acl(text: &str) -> impl Iterator<Item = &str> {
    lines(text)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.split(['\n', '\r']).map(|line| line.trim_start_matches([' ', '\t']));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn comments_blanks_and_values_with_blanks() {
        let text = "# hosts\n\n  a.test \t web one\r\nb.test\n#c.test x\n";
        assert_eq!(parse_map(text).collect::<Vec<_>>(), [("a.test", "web one"), ("b.test", "")]);
        assert_eq!(parse_acl("10.0.0.1\n \n#x\nMy Agent\n").collect::<Vec<_>>(), ["10.0.0.1", "My Agent"]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(pairs in proptest::collection::vec(("[a-z.]{1,8}", "[a-z]{1,5}( [a-z]{1,5})?"), 0..9)) {
            let text: String = pairs.iter().map(|(k, v)| format!("{k} {v}\n")).collect();
            let read: Vec<(String, String)> = parse_map(&text).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(read, pairs);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,120}") {
            prop_assert!(parse_map(&text).count() == parse_acl(&text).count());
        }
    }
}
