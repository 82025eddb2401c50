//! needrestart's configuration, which is Perl: the two settings that decide whether HAProxy is restarted.

/// What its files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `$nrconf{restart}`: `a` restarts by itself, `i` asks, `l` lists. None where no line sets it.
    pub mode: Option<String>,
    /// A rule takes HAProxy out.
    pub spares_haproxy: bool,
}

/// Reads its files one after the other; a later one wins.
pub fn parse<'a>(files: impl IntoIterator<Item = &'a str>) -> Settings {
    let mut settings = Settings::default();
    for line in files.into_iter().flat_map(str::lines) {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let plain: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        if let Some(value) = plain.strip_prefix("$nrconf{restart}=") {
            settings.mode = Some(value.trim_matches(['\'', '"', ';']).to_owned());
        }
        let off = plain.contains("=>0") || plain.contains("=0");
        settings.spares_haproxy |= plain.contains("haproxy") && off;
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_mode_and_the_rule_for_haproxy() {
        assert_eq!(parse(["#$nrconf{restart} = 'i';\n"]), Settings::default());
        let mode = |text: &str| parse([text]).mode;
        assert_eq!(mode("$nrconf{restart} = 'a';\n").as_deref(), Some("a"));
        assert_eq!(parse(["$nrconf{restart} = \"l\";", "$nrconf{restart}='a';"]).mode.as_deref(), Some("a"));
        assert!(parse(["$nrconf{override_rc} = {\n    qr(^haproxy) => 0,\n};"]).spares_haproxy);
        assert!(parse(["$nrconf{override_rc}{qr(^haproxy)} = 0;"]).spares_haproxy);
        assert!(!parse(["    # qr(^haproxy) => 0,", "qr(^dbus) => 0,"]).spares_haproxy);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            let _ = parse([text.as_str()]);
        }
    }
}
