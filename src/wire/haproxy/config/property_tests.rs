//! What must hold for any text at all.

use super::*;
use proptest::prelude::*;

fn model_of(text: &str, context: &ParseContext) -> (Config, Model) {
    let config = parse(&[Source { file: "p.cfg".to_string(), document: text.into() }], context);
    let model = Model::from_config(&config);
    (config, model)
}

fn any_parse_context() -> impl Strategy<Value = ParseContext> {
    let version = prop::option::of((2u32..4, 0u32..9, 0u32..3));
    (version, any::<bool>()).prop_map(|(version, env_known)| ParseContext {
        env: [("A", "1"), ("B", " x y "), ("C", "")].map(|(k, v)| (k.to_string(), v.to_string())).into(),
        env_known,
        version,
        ..ParseContext::default()
    })
}

/// Lines that are nearly right, with words that matter in odd places.
fn near_valid() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "global",
        "defaults",
        "backend",
        "listen",
        "frontend",
        "peers",
        "from",
        "b",
        "setenv",
        "presetenv",
        "unsetenv",
        "resetenv",
        "A",
        "Q",
        ".if",
        ".elif",
        ".else",
        ".endif",
        "defined(Q)",
        "enabled(X)",
        "1",
        "0",
        "!",
        "&&",
        "||",
        "(",
        ")",
        "server",
        "server-template",
        "default-server",
        "1-3",
        "127.0.0.1:80",
        ":1-2,",
        "[::1]",
        "weight",
        "\"$Q\"",
        "\"${Q}\"",
        "\"${Q[*]}\"",
        "\"${Q-1}\"",
        "${Q}:1",
        "'",
        "\"",
        "\\",
        "\\x4",
        "#",
        "acl",
        "if",
        "{",
        "}",
        "-f",
        "-M",
        "path,map(/f",
        ",map_beg(/f,x)",
        "bind",
        "stats",
        "socket",
        "table",
        "stick-table",
        "type",
        "peer",
        "localpeer",
        "load",
        "crt",
        "ssl",
        "[s]",
        "é",
    ]);
    let line = prop::collection::vec(word, 0..7).prop_map(|words| words.join(" "));
    prop::collection::vec(line, 0..25).prop_map(|lines| lines.join("\n") + "\n")
}

fn quoted(word: &str) -> String {
    let mut out = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' | '\\' | '$' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
    out + "\""
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}|(?s).{0,200}", context in any_parse_context()) {
        model_of(&text, &context);
    }

    #[test]
    fn no_near_valid_text_makes_the_reader_panic(text in near_valid(), context in any_parse_context()) {
        model_of(&text, &context);
    }

    #[test]
    fn a_quoted_word_comes_back(word in "[^\0]{1,40}", context in any_parse_context()) {
        let (config, _) = model_of(&format!("backend b\n x {}\n", quoted(&word)), &context);
        let line = &config.sections[0].lines[0];
        prop_assert_eq!(line.word(1), word);
        prop_assert!(line.certain && line.words.len() == 2);
    }

    /// What was called certain does not change with the value of a variable that could not be read.
    #[test]
    fn certain_lines_do_not_hang_on_what_is_not_known(
        text in near_valid(),
        value in prop::option::of("[ -~]{0,6}"),
        version in prop::sample::select(vec![(2, 6, 12), (2, 8, 1), (3, 4, 7)]),
    ) {
        let unknown = ParseContext { version: Some(version), ..ParseContext::default() };
        let mut known = ParseContext { env_known: true, ..unknown.clone() };
        known.env.extend(value.map(|value| ("Q".to_string(), value)));
        let certain = |context: &ParseContext| {
            let config = model_of(&text, context).0;
            let sections = config.sections.into_iter().filter(|section| section.certain);
            let owned = sections.flat_map(|s| s.lines.into_iter().map(move |line| (s.at.line, line)));
            owned.filter(|(_, line)| line.certain).collect::<Vec<_>>()
        };
        let (before, after) = (certain(&unknown), certain(&known));
        for line in before {
            prop_assert!(after.contains(&line), "{:?} is gone", line);
        }
    }
}
