use super::*;
use crate::wire::haproxy::config::{Model, ParseContext, Source, parse};

fn model(text: &str) -> Model {
    let context = ParseContext { env_known: true, version: Some((3, 4, 7)), ..ParseContext::default() };
    Model::from_config(&parse(&[Source { file: "a.cfg".to_string(), document: text.into() }], &context))
}

/// The rows of the first list are what `show acl` and `show map` printed in 2.6 and 3.4.
#[test]
fn every_list_that_the_binary_shows_is_found_and_no_other() {
    let text = "\
defaults dd
    acl indef path_beg /def
    http-request deny if indef
frontend f1
    acl both path_beg -i -f /l1.lst /in1 /in2
    acl both path_end .png
    acl conv path_beg,lower -m beg /c
    acl conv2 path,lower -m beg /c
    acl h hdr(host),lower a
    acl m path -M -f /l2.lst
    acl a path -m beg -f /l1.lst x -f y
    acl b path_beg -- -f
    acl if path_beg /x
    http-request set-header a if if if
    http-request deny if { path -m beg /anon -f /l1.lst } METH_TRACE or METH_TRACE !HTTP
    http-request set-header X %[path,map_beg(/m1.map,d)]
    http-request set-header Y \"%[hdr(host),lower,map(/m2.map)]\" if METH_TRACE
    http-request return status 200 string \"{ path /no }\" if { path /yes }
    http-request set-header q %[path,map_str_int('/m 3.map',1)] unless { path /a } || ! { path_end  b }
    http-request set-map(/not.map) %[src] x if TRUE
    use_backend b1 if { path,map_ip_key(/m4.map) -m found }
frontend f2 from dd
    http-request deny if METH_TRACE
";
    let model = model(text);
    let shown: Vec<String> = model.inline_pattern_names();
    let expected = [
        ("path_beg", 2),
        ("path_beg", 5),
        ("path_end", 6),
        ("path", 7),
        ("path", 8),
        ("req.hdr", 9),
        ("path", 10),
        ("path", 11),
        ("path_beg", 12),
        ("path_beg", 13),
        ("path", 15),
        ("method", 15),
        ("req.proto_http", 15),
        ("path", 18),
        ("path", 19),
        ("path_end", 19),
        ("always_true", 20),
        ("path", 21),
        ("method", 23),
    ];
    let expected: Vec<String> =
        expected.iter().map(|(kw, line)| format!("acl '{kw}' file 'a.cfg' line {line}")).collect();
    assert_eq!(shown, expected);
    let acls: Vec<&str> = model.pattern_files(PatternKind::Acl).into_iter().collect();
    assert_eq!(acls, ["/l1.lst", "/l2.lst"]);
    let maps: Vec<&str> = model.pattern_files(PatternKind::Map).into_iter().collect();
    assert_eq!(maps, ["/l2.lst", "/m 3.map", "/m1.map", "/m2.map", "/m4.map"]);
}

#[test]
fn inline_values_and_names_are_kept() {
    let model = model(
        "backend b\n acl n path_beg -i -m beg -u 7 -f /f -- -x y\n use-server s if !METH_GET { src 1.2.3.4 }\n",
    );
    let inline = |acl_name: Option<&str>, criterion: &str, values: &[&str]| PatternSource::Inline {
        proxy: "b".to_string(),
        acl_name: acl_name.map(str::to_string),
        criterion: criterion.to_string(),
        values: values.iter().map(|value| (*value).to_string()).collect(),
    };
    let found: Vec<&PatternSource> = model.patterns.iter().map(|def| &def.source).collect();
    let file = PatternSource::File { path: "/f".to_string(), kind: PatternKind::Acl };
    let named = inline(Some("n"), "path_beg", &["-x", "y"]);
    let predefined = inline(Some("METH_GET"), "method", &["GET", "HEAD"]);
    assert_eq!(found, [&file, &named, &predefined, &inline(None, "src", &["1.2.3.4"])]);
}

#[test]
fn actions_and_look_alikes_are_no_maps() {
    for word in
        ["set-map(/f)", "del-map(/f)", "hdr(map)", "bitmap(/f)", ",map_nope(/f)", ",map", ",map(", ",map()"]
    {
        assert_eq!(map_paths(word), Vec::<String>::new(), "{word}");
    }
    assert_eq!(map_paths("a,map(/x),map_reg(\"/y,z\",d)]%[b,map_int_ip(/w)"), ["/x", "/y,z", "/w"]);
}
