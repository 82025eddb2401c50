use super::*;

fn parse_context(known: bool) -> ParseContext {
    ParseContext {
        env: [("FOO", "bar"), ("E", "")].map(|(k, v)| (k.to_string(), v.to_string())).into(),
        env_known: known,
        version: known.then_some((3, 0, 11)),
        features: known.then(|| ["OPENSSL".to_string()].into()),
        ..ParseContext::default()
    }
}

fn evaluated(text: &str, known: bool) -> Result<Truth, String> {
    let context = parse_context(known);
    evaluate(text, &Environment::new(&context), &context).map(|judged| judged.truth)
}

/// Every row was seen in `haproxy -c` with the same two variables.
#[test]
fn conditions_are_evaluated_as_the_binary_does() {
    let yes = [
        "1",
        "-1",
        "0x10",
        "010",
        "0777",
        "+1",
        "1 && 0 || 1",
        "!!1",
        "! 0",
        "(1)",
        "(0||1)&&1",
        "defined(FOO)",
        "defined(E)",
        "streq(a b,a b)",
        "streq('a,b','a,b')",
        "strneq(a,b)",
        "strstr(abc,b)",
        "strstr(bar,)",
        "version_atleast(2.6)",
        "version_atleast(3)",
        "version_atleast(3.0-dev1)",
        "version_before(3.4.7)",
        "feature(OPENSSL)",
        "( 1 ) && ( 0 || !0 )",
        "99999999999999999999",
        "1 && (defined(FOO))",
        "streq(,)",
    ];
    let no = [
        "0",
        "",
        "0x0",
        "0 || 1 && 0",
        "!1",
        "defined(NOPE)",
        "defined()",
        "defined",
        "streq(a, a)",
        "streq( a ,a)",
        "version_before(2.6-dev1)",
        "version_atleast(4)",
        "feature(ZLIB)",
        "feature(ssl)",
    ];
    for text in yes {
        assert_eq!(evaluated(text, true), Ok(Truth::Yes), "{text}");
    }
    for text in no {
        assert_eq!(evaluated(text, true), Ok(Truth::No), "{text}");
    }
}

#[test]
fn what_the_binary_refuses_is_refused() {
    for text in [
        "foo",
        "1 2",
        "1x",
        "08",
        "defined FOO",
        "defined(FOO)x",
        "defined (FOO)",
        "streq(a)",
        "streq(a,b,c)",
        "0 && foo",
        "1 &&",
        "1 & 1",
        "&& 1",
        "!",
        "()",
        "- 1",
        "streq(a\\,b,a\\,b)",
        "(1",
        "streq",
        "defined(a",
    ] {
        assert!(evaluated(text, true).is_err(), "{text} gave {:?}", evaluated(text, true));
    }
}

#[test]
fn what_cannot_be_known_is_unknown_unless_it_does_not_matter() {
    let unknown = [
        "defined(NOPE)",
        "!defined(NOPE)",
        "version_atleast(2.6)",
        "feature(OPENSSL)",
        "enabled(EPOLL)",
        "openssl_version_atleast(1.1.1)",
        "ssllib_name_startswith(OpenSSL)",
        "awslc_api_atleast(1)",
        "0 || defined(NOPE)",
        "1 && version_before(3.0)",
    ];
    for text in unknown {
        assert_eq!(evaluated(text, false), Ok(Truth::Unknown), "{text}");
    }
    assert_eq!(evaluated("1 || defined(NOPE)", false), Ok(Truth::Yes));
    assert_eq!(evaluated("0 && defined(NOPE)", false), Ok(Truth::No));
    assert_eq!(evaluated("version_atleast(soon)", true), Ok(Truth::Unknown));
}

#[test]
fn an_undecided_variable_is_never_taken_for_its_own_text() {
    for text in [
        format!("streq({UNKNOWN_MARKER},{UNKNOWN_MARKER})"),
        format!("defined({UNKNOWN_MARKER})"),
        UNKNOWN_MARKER.to_string(),
        format!("1 {UNKNOWN_MARKER}"),
        format!("streq({UNKNOWN_MARKER}"),
    ] {
        assert_eq!(evaluated(&text, true), Ok(Truth::Unknown), "{text}");
    }
}

#[test]
fn an_early_version_refuses_later_predicates() {
    let context = ParseContext { version: Some((2, 6, 12)), ..parse_context(true) };
    assert!(evaluate("strstr(abc,b)", &Environment::new(&context), &context).is_err());
}

#[test]
fn excessive_depth_is_left_undecided() {
    let text = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(evaluated(&text, true), Ok(Truth::Unknown));
}
