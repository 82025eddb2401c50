//! needrestart's configuration, which is Perl: the two settings that decide whether HAProxy is restarted.

/// What its files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NeedrestartSettings {
    /// `$nrconf{restart}`: `a` restarts by itself, `i` asks, `l` lists. None where no line sets it.
    pub mode: Option<String>,
    /// A rule takes HAProxy out.
    pub excludes_haproxy: bool,
}

/// Reads its files one after the other; a later one wins.
pub fn parse<'a>(files: impl IntoIterator<Item = &'a str>) -> NeedrestartSettings {
    let mut settings = NeedrestartSettings::default();
    for line in files.into_iter().flat_map(str::lines) {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let plain: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        if let Some(value) = plain.strip_prefix("$nrconf{restart}=") {
            settings.mode = Some(unquote(value).to_owned());
        }
        if names_haproxy(&plain) {
            let says =
                |value: &str| plain.contains(&format!("=>{value}")) || plain.contains(&format!("}}={value}"));
            settings.excludes_haproxy = says("0") || settings.excludes_haproxy && !says("1");
        }
    }
    settings
}

/// A text of Perl's, without its quotes and what follows them.
fn unquote(value: &str) -> &str {
    let value = value.strip_prefix("q(").unwrap_or(value).trim_start_matches(['\'', '"']);
    value.split(['\'', '"', ')', ';', '#']).next().unwrap_or_default()
}

/// A rule for HAProxy itself, and for no other unit whose name only begins so.
fn names_haproxy(rule: &str) -> bool {
    let follows = rule.match_indices("haproxy").map(|(at, name)| rule[at + name.len()..].chars().next());
    follows.into_iter().any(|next| !next.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_mode_and_the_rule_for_haproxy() {
        assert_eq!(parse(["#$nrconf{restart} = 'i';\n"]), NeedrestartSettings::default());
        let mode = |text: &str| parse([text]).mode;
        assert_eq!(mode("$nrconf{restart} = 'a';\n").as_deref(), Some("a"));
        assert_eq!(parse(["$nrconf{restart} = \"l\";", "$nrconf{restart}='a';"]).mode.as_deref(), Some("a"));
        assert!(parse(["$nrconf{override_rc} = {\n    qr(^haproxy) => 0,\n};"]).excludes_haproxy);
        assert!(parse(["$nrconf{override_rc}{qr(^haproxy)} = 0;"]).excludes_haproxy);
        assert!(parse(["qr(^haproxy\\.service$) => 0,"]).excludes_haproxy);
        assert!(!parse(["    # qr(^haproxy) => 0,", "qr(^dbus) => 0,"]).excludes_haproxy);
    }

    #[test]
    fn what_stands_behind_the_mode_is_no_part_of_it() {
        for text in
            ["$nrconf{restart} = 'a'; # by itself", "$nrconf{restart}=q(a);", "$nrconf{restart} = \"a\";#x"]
        {
            assert_eq!(parse([text]).mode.as_deref(), Some("a"), "{text}");
        }
    }

    #[test]
    fn a_rule_for_another_unit_spares_nothing_and_a_later_one_wins() {
        assert!(!parse(["qr(^haproxy-exporter) => 0,"]).excludes_haproxy);
        let off = "$nrconf{override_rc}{qr(^haproxy)} = 0;";
        let on = "$nrconf{override_rc}{qr(^haproxy)} = 1;";
        assert!(!parse([off, on]).excludes_haproxy && parse([on, off]).excludes_haproxy);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            let _ = parse([text.as_str()]);
        }
    }
}
