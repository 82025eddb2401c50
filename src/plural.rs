//! Singular and plural.

/// A count with its noun.
pub fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        many if noun.ends_with("ss") => format!("{many} {noun}es"),
        many => match noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
            Some(stem) => format!("{many} {stem}ies"),
            None => format!("{many} {noun}s"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_none_is_plural() {
        assert_eq!([0, 1, 2].map(|n| plural(n, "server")), ["0 servers", "1 server", "2 servers"]);
        assert_eq!([1, 2].map(|n| plural(n, "process")), ["1 process", "2 processes"]);
        assert_eq!([1, 2].map(|n| plural(n, "map entry")), ["1 map entry", "2 map entries"]);
        assert_eq!([plural(2, "proxy"), plural(2, "key")], ["2 proxies", "2 keys"]);
    }
}
