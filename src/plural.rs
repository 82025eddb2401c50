//! Words of every message.

/// A count with its noun.
pub fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        many if noun.ends_with('s') => format!("{many} {noun}es"),
        many => format!("{many} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_none_is_plural() {
        assert_eq!([0, 1, 2].map(|n| plural(n, "server")), ["0 servers", "1 server", "2 servers"]);
        assert_eq!([1, 2].map(|n| plural(n, "process")), ["1 process", "2 processes"]);
    }
}
