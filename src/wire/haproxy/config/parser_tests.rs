use super::*;

fn parse_context(known: bool) -> ParseContext {
    ParseContext {
        env: [("ONE".to_string(), "1".to_string())].into(),
        env_known: known,
        version: Some((3, 4, 7)),
        features: Some(["OPENSSL".to_string()].into()),
        hostname: Some("vm".to_string()),
        localpeer_arg: None,
    }
}

fn parse_files<T: AsRef<[u8]>>(texts: &[T], context: &ParseContext) -> Config {
    let source = |(index, text): (usize, &'_ T)| Source {
        file: format!("{}.cfg", index + 1),
        document: text.as_ref().to_vec().into(),
    };
    parse(&texts.iter().enumerate().map(source).collect::<Vec<_>>(), context)
}

/// Sections and lines as text; a question mark says that it is uncertain.
fn render(config: &Config) -> String {
    let mut out = String::new();
    let mark = |certain: bool| if certain { "" } else { "?" };
    for section in &config.sections {
        let name = section.name.as_deref().unwrap_or("-");
        let from = section.from.as_deref().map_or(String::new(), |from| format!(" from {from}"));
        out.push_str(&format!("{}{} {name}{from};", mark(section.certain), section.kind));
        for line in &section.lines {
            let words: Vec<&str> = line.words_from(0).collect();
            out.push_str(&format!(" {}{};", mark(line.certain), words.join(" ")));
        }
        out.push('\n');
    }
    out
}

#[test]
fn sections_and_blocks_are_read_as_the_binary_reads_them() {
    let cases = [
        (
            "headings",
            "defaults\n a\ndefaults d\ndefaults from d\nbackend b from d\n x 'y z'\n",
            "defaults -; a;\ndefaults d;\ndefaults - from d;\nbackend b from d; x y z;\n",
        ),
        ("a taken branch", "backend b\n.if 1\n x\n.elif 1\n y\n.else\n z\n.endif\n", "backend b; x;\n"),
        ("the second branch", "backend b\n.if 0\n x\n.elif 1\n y\n.else\n z\n.endif\n", "backend b; y;\n"),
        ("the last branch", "backend b\n.if 0\n x\n.elif 0\n y\n.else\n z\n.endif\n", "backend b; z;\n"),
        (
            "nothing inside a dropped block counts",
            "backend b\n.if 0\n.if nonsense\n x\n.else\n y\n.endif\n.endif\n z\n",
            "backend b; z;\n",
        ),
        (
            "an undecidable block",
            "backend b\n.if enabled(EPOLL)\n x\n.elif 1\n y\n.else\n z\n.endif\n w\n",
            "backend b; ?x; ?y; w;\n",
        ),
        (
            "a decided branch after an undecidable one",
            "backend b\n.if enabled(A)\n x\n.elif 0\n y\n.else\n z\n.endif\n",
            "backend b; ?x; ?z;\n",
        ),
        (
            "a section that may not be there",
            "backend b\n.if enabled(A)\nbackend c\n x\n.else\n y\n.endif\n z\nbackend d\n w\n",
            "backend b; ?y; ?z;\n?backend c; ?x;\nbackend d; w;\n",
        ),
        (
            "setenv counts for later lines",
            "global\n setenv A v\nbackend b\n x \"$A\"\n.if streq(\"$A\",v)\n y\n.endif\n",
            "global -;\nbackend b; x v; y;\n",
        ),
        (
            "setenv counts in global only",
            "backend b\n setenv ONE 2\n x \"$ONE\"\n",
            "backend b; setenv ONE 2; x 1;\n",
        ),
        (
            "an unsure setenv",
            "global\n.if enabled(A)\n setenv ONE 2\n.endif\nbackend b\n x \"$ONE\"\n",
            "global -;\nbackend b; ?x ${ONE};\n",
        ),
        (
            "addresses expand without quotes",
            "backend b\n server s ${ONE}:$ONE weight $ONE\n bind $ONE:1\n",
            "backend b; server s 1:1 weight $ONE; bind 1:1;\n",
        ),
        (
            "place variables",
            "backend b\n x \"${.FILE}\" \"${.LINE}\" \"${.SECTION}\"\n",
            "backend b; x 1.cfg 2 b;\n",
        ),
        ("scope marks", "[x]\nbackend b\n", "backend b;\n"),
        ("windows lines", "backend b\r\n x\r\n", "backend b; x;\n"),
        ("a carriage return before a line", "backend b\n\r x\ry\n", "backend b; x;\n"),
        ("a backslash at the end", "backend b # \\\n x \\\n y\n", "backend b; x \\; y;\n"),
        ("version sections", "backend b\nprogram p\n", "backend b; program p;\n"),
    ];
    for (situation, text, expected) in cases {
        assert_eq!(render(&parse_files(&[text], &parse_context(true))), expected, "{situation}");
    }
    let old = ParseContext { version: Some((2, 6, 12)), ..parse_context(true) };
    assert_eq!(render(&parse_files(&["program p\n x\ncrt-store s\n"], &old)), "program p; x; crt-store s;\n");
    assert_eq!(
        render(&parse_files(&["backend b\n x \"\" y\n"], &old)),
        "backend b; x;\n",
        "an empty word ends the line"
    );
    let middle = ParseContext { version: Some((3, 0, 1)), ..parse_context(true) };
    let glued = "backend b\n x \"\"\"$NOPE\" y\n";
    assert_eq!(
        render(&parse_files(&[glued], &middle)),
        "backend b; ?x;\n",
        "an uncertain empty word may not end it"
    );
}

#[test]
fn bytes_that_are_no_utf_8_change_nothing_around_them() {
    let text = b"backend b # caf\xe9\n x caf\xe9 'y z'\n# \xff\xfe\nbackend c\n";
    let config = parse_files(&[text], &parse_context(true));
    assert_eq!(render(&config), "backend b; x caf\u{fffd} y z;\nbackend c;\n");
    assert_eq!((config.problems, config.undecided), (vec![], vec![]));
}

#[test]
fn a_section_ends_with_its_file_but_the_environment_does_not() {
    let config = parse_files(
        &["global\n setenv A v\nbackend b\n", " x\nbackend c\n y \"$A\"\n"],
        &parse_context(true),
    );
    assert_eq!(render(&config), "global -;\nbackend b;\nbackend c; y v;\n");
    assert_eq!(config.problems.len(), 1);
    assert_eq!(config.problems[0].at, SourceLocation { file: "2.cfg".to_string(), line: 1 });
}

#[test]
fn without_the_environment_only_what_hangs_on_it_is_uncertain() {
    let text = "backend b\n x \"$NOPE\"\n y \"$ONE\"\n.if defined(NOPE)\n z\n.endif\n server s $NOPE:1\n w\n";
    let config = parse_files(&[text], &parse_context(false));
    assert_eq!(render(&config), "backend b; ?x ${NOPE}; y 1; ?z; ?server s ${NOPE}:1; w;\n");
    let lines: Vec<usize> = config.undecided.iter().map(|undecided| undecided.at.line).collect();
    assert_eq!(lines, [2, 4, 7]);
    assert!(
        config.undecided.iter().all(|undecided| undecided.why.contains("NOPE")),
        "{:?}",
        config.undecided
    );
    let keyword = parse_files(
        &["backend b\n x\n \"$NOPE\" 1\n y \"$ONE\"\nbackend c\n", "backend d\n z\n"],
        &parse_context(false),
    );
    let expected = "backend b; x; ?${NOPE} 1; ?y ${ONE};\n?backend c;\nbackend d; z;\n";
    assert_eq!(
        render(&keyword),
        expected,
        "a keyword that is not known may be anything, to the end of its file"
    );
    let named =
        parse_files(&[".if streq(\"$NOPE\",\"${NOPE}\")\nbackend b\n.endif\n"], &parse_context(false));
    assert_eq!(render(&named), "?backend b;\n", "the name of a variable is not its value");
}

#[test]
fn what_the_binary_refuses_is_a_problem() {
    for (situation, text) in [
        ("an open quote", "backend b\n x \"y\n"),
        ("an open quote in a dropped block", ".if 0\n x \"y\n.endif\n"),
        ("no end of the last line", "backend b"),
        ("an open .if", ".if 1\n"),
        (".else without .if", ".else\n"),
        (".endif without .if", ".endif\n"),
        (".elif after .else", ".if 1\n.else\n.elif 1\n.endif\n"),
        (".else with a word", ".if 1\n.else x\n.endif\n"),
        ("a condition that cannot be read", ".if foo\n.endif\n"),
        ("an alert", ".alert no\n"),
        ("an unknown directive", ".nope\n"),
        ("a NUL character", "backend b\n x\0\n"),
        ("an empty word in 3.4", "backend b\n x \"\"\n"),
        ("a line before every section", "x\n"),
        ("too many blocks", &".if 1\n".repeat(1024)),
    ] {
        assert!(!parse_files(&[text], &parse_context(true)).problems.is_empty(), "{situation}");
    }
    for (situation, text) in [
        ("messages", ".notice a\n.warning b\n.diag c\n.if 0\n.alert no\n.nope\n.endif\n"),
        ("an .elif that is not reached", ".if 1\n.elif foo\n.endif\n"),
        ("comments and blanks", "# \"x\n\n   \n"),
    ] {
        assert_eq!(parse_files(&[text], &parse_context(true)).problems, [], "{situation}");
    }
}

#[test]
fn the_flag_names_the_local_peer_before_the_keyword_and_the_host() {
    let peer = |text: &str, context: &ParseContext| {
        let config = parse_files(&[text], context);
        (config.localpeer, config.localpeer_certain)
    };
    let named = |name: &str, certain| (Some(name.to_string()), certain);
    let flagged = ParseContext { localpeer_arg: Some("flag".to_string()), ..parse_context(true) };
    assert_eq!(peer("global\n", &parse_context(true)), named("vm", true));
    assert_eq!(peer("global\n localpeer kw\n", &parse_context(true)), named("kw", true));
    assert_eq!(peer("global\n localpeer kw\n", &flagged), named("flag", true));
    assert_eq!(
        peer("global\n.if enabled(A)\n localpeer kw\n.endif\n", &parse_context(true)),
        named("kw", false)
    );
    assert_eq!(peer("", &ParseContext::default()), (None, false));
}
