use super::*;
use crate::wire::haproxy::config::ParseContext;

const DIALECTS: [Dialect; 4] = [Dialect::Before28, Dialect::From28To32, Dialect::From33, Dialect::Unknown];

fn tokenize_in(line: &str, dialect: Dialect, known: bool) -> Result<TokenizedLine, String> {
    let env = [("E", ""), ("S", " "), ("F", "a  b")].map(|(k, v)| (k.to_string(), v.to_string())).into();
    let context = ParseContext { env, env_known: known, ..ParseContext::default() };
    let place = LinePosition { file: "w.cfg", line: 4, section: Some("b") };
    tokenize(line.as_bytes(), &Environment::new(&context), place, dialect, UnknownStyle::Named)
}

fn texts(line: &str, dialect: Dialect) -> Vec<String> {
    let split = tokenize_in(line, dialect, true).expect(line);
    assert!(split.words.iter().all(|word| word.certain), "{line} in {dialect:?}: {split:?}");
    split.words.into_iter().map(|word| word.text).collect()
}

/// Every row was seen in all five branches, as the first unknown keyword that the binary complained about.
#[test]
fn lines_split_the_same_in_every_branch() {
    let cases: &[(&str, &[&str])] = &[
        ("a b\tc # d", &["a", "b", "c"]),
        (r#""${F[*]}" z"#, &["a", "b", "z"]),
        (r#""q${F[*]}r""#, &["qa", "br"]),
        (r#""${NOPE[*]-x y}""#, &["x", "y"]),
        (r#""${NOPE-x y}""#, &["x y"]),
        (r#""$F""#, &["a  b"]),
        ("$F ${F}", &["$F", "${F}"]),
        ("'${F}'", &["${F}"]),
        (r#""\$F""#, &["$F"]),
        (r"\$F", &[r"\$F"]),
        (r#""${.LINE}" "${.FILE}" "${.SECTION}""#, &["4", "w.cfg", "b"]),
        (r"a\x41b", &["aAb"]),
        (r"'a\x41b'", &[r"a\x41b"]),
        (r"a\qb", &[r"a\qb"]),
        (r"a\ b", &["a b"]),
        (r#""a\ b""#, &["a b"]),
        (r#""a b"c"#, &["a bc"]),
        ("a'b c'd", &["ab cd"]),
        ("a#b", &["a"]),
        ("'a#b'", &["a#b"]),
        (r"\#", &["#"]),
        (r##""#""##, &["#"]),
        (r"it\'s", &["it's"]),
        (r"\t", &["\t"]),
        (r#"x"""#, &["x"]),
        (r#""""#, &[""]),
        ("''", &[""]),
        (r#""${E}""#, &[""]),
        (r#""${NOPE-}""#, &[""]),
        (r#""${E-def}""#, &[""]),
        (r#""${NOPE}b""#, &["b"]),
        (r#""a${NOPE}b""#, &["ab"]),
        (r#""${NOPE}"q"#, &["q"]),
        (r"a \", &["a", r"\"]),
        ("a\r b", &["a"]),
        ("  ", &[]),
    ];
    for (line, expected) in cases {
        for dialect in DIALECTS {
            assert_eq!(texts(line, dialect), *expected, "{line} in {dialect:?}");
        }
    }
}

#[test]
fn an_unset_variable_alone_in_quotes_is_what_the_branch_makes_of_it() {
    assert_eq!(texts(r#""${NOPE}" z"#, Dialect::Before28), ["", "z"]);
    assert_eq!(texts(r#""${NOPE}" z"#, Dialect::From28To32), ["z"]);
    assert_eq!(texts(r#""${NOPE}" z"#, Dialect::From33), ["", "z"]);
    assert_eq!(texts(r#""${E}${NOPE}" z"#, Dialect::From28To32), ["z"]);
    for dialect in [Dialect::Before28, Dialect::From28To32, Dialect::From33] {
        assert_eq!(texts(r#""$NOPE""""#, dialect), [""]);
    }
    assert_eq!(texts(r#""${NOPE[*]}" z"#, Dialect::Before28), ["", "z"]);
    assert_eq!(texts(r#""${NOPE[*]}" z"#, Dialect::From28To32), ["z"]);
    assert_eq!(texts(r#""${NOPE[*]}" z"#, Dialect::From33), ["z"]);
    assert_eq!(texts(r#""${S[*]}x" z"#, Dialect::From33), ["x", "z"]);
    assert_eq!(texts(r#""a${NOPE}" z"#, Dialect::Before28), ["a", "z"]);
    assert_eq!(texts(r#""a${NOPE}" z"#, Dialect::From33), ["a", "z"]);
}

#[test]
fn where_branches_glue_words_or_the_version_is_missing_the_word_is_uncertain() {
    for (line, dialect) in [
        (r#""a${NOPE}" z"#, Dialect::From28To32),
        (r#""${NOPE}" z"#, Dialect::Unknown),
        (r#""${NOPE[*]}" z"#, Dialect::Unknown),
        (r#""x${S[*]}" z"#, Dialect::From28To32),
        (r#""${E[*]}" z"#, Dialect::Before28),
    ] {
        let split = tokenize_in(line, dialect, true).expect(line);
        assert!(!split.words[0].certain, "{line} in {dialect:?}: {split:?}");
        assert!(!split.undecided.is_empty(), "{line}");
    }
}

#[test]
fn an_unreadable_variable_keeps_its_name_and_stays_uncertain() {
    let split = tokenize_in(r#"s "${HOST}:80" x"#, Dialect::From33, false).expect("a fine line");
    assert_eq!(split.words[1], Word { text: "${HOST}:80".to_string(), certain: false });
    assert_eq!(split.undecided, ["the environment variable HOST is not known"]);
    assert!(split.words[0].certain && split.words[2].certain);
    let default = tokenize_in(r#""${HOST-h}""#, Dialect::From33, false).expect("a fine line");
    assert!(!default.words[0].certain, "the default counts only if the variable is unset");
}

#[test]
fn what_the_binary_refuses_is_refused() {
    for line in [
        r#""a"#,
        "'a",
        r#""${F""#,
        r#""$""#,
        r#""${1X}""#,
        r"a\xZZ",
        r"a\x4",
        r#""${NOPE[*""#,
        r#""${F[x]}""#,
        r#""${F-""#,
        r#""${.NOPE}""#,
    ] {
        for dialect in DIALECTS {
            assert!(tokenize_in(line, dialect, true).is_err(), "{line}");
        }
    }
}
