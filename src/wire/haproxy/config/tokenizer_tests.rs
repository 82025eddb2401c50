use super::*;
use crate::wire::haproxy::config::Surroundings;

const DIALECTS: [Dialect; 4] = [Dialect::Old, Dialect::Middle, Dialect::New, Dialect::Unknown];

fn split_in(line: &str, dialect: Dialect, known: bool) -> Result<Split, String> {
    let env = [("E", ""), ("S", " "), ("F", "a  b")].map(|(k, v)| (k.to_string(), v.to_string())).into();
    let around = Surroundings { env, env_known: known, ..Surroundings::default() };
    let place = Place { file: "w.cfg", line: 4, section: Some("b") };
    split(line, &Environment::new(&around), place, dialect, Unknowns::Named)
}

fn texts(line: &str, dialect: Dialect) -> Vec<String> {
    let split = split_in(line, dialect, true).expect(line);
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
    assert_eq!(texts(r#""${NOPE}" z"#, Dialect::Old), ["", "z"]);
    assert_eq!(texts(r#""${NOPE}" z"#, Dialect::Middle), ["z"]);
    assert_eq!(texts(r#""${NOPE}" z"#, Dialect::New), ["", "z"]);
    assert_eq!(texts(r#""${E}${NOPE}" z"#, Dialect::Middle), ["z"]);
    for dialect in [Dialect::Old, Dialect::Middle, Dialect::New] {
        assert_eq!(texts(r#""$NOPE""""#, dialect), [""]);
    }
    assert_eq!(texts(r#""${NOPE[*]}" z"#, Dialect::Old), ["", "z"]);
    assert_eq!(texts(r#""${NOPE[*]}" z"#, Dialect::Middle), ["z"]);
    assert_eq!(texts(r#""${NOPE[*]}" z"#, Dialect::New), ["z"]);
    assert_eq!(texts(r#""${S[*]}x" z"#, Dialect::New), ["x", "z"]);
    assert_eq!(texts(r#""a${NOPE}" z"#, Dialect::Old), ["a", "z"]);
    assert_eq!(texts(r#""a${NOPE}" z"#, Dialect::New), ["a", "z"]);
}

#[test]
fn where_branches_glue_words_or_the_version_is_missing_the_word_is_uncertain() {
    for (line, dialect) in [
        (r#""a${NOPE}" z"#, Dialect::Middle),
        (r#""${NOPE}" z"#, Dialect::Unknown),
        (r#""${NOPE[*]}" z"#, Dialect::Unknown),
        (r#""x${S[*]}" z"#, Dialect::Middle),
        (r#""${E[*]}" z"#, Dialect::Old),
    ] {
        let split = split_in(line, dialect, true).expect(line);
        assert!(!split.words[0].certain, "{line} in {dialect:?}: {split:?}");
        assert!(!split.undecided.is_empty(), "{line}");
    }
}

#[test]
fn a_variable_nobody_could_read_keeps_its_name_and_its_doubt() {
    let split = split_in(r#"s "${HOST}:80" x"#, Dialect::New, false).expect("a fine line");
    assert_eq!(split.words[1], Word { text: "${HOST}:80".to_string(), certain: false });
    assert_eq!(split.undecided, ["the environment variable HOST is not known"]);
    assert!(split.words[0].certain && split.words[2].certain);
    let default = split_in(r#""${HOST-h}""#, Dialect::New, false).expect("a fine line");
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
            assert!(split_in(line, dialect, true).is_err(), "{line}");
        }
    }
}
