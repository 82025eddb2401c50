//! The rules of a frontend, made of the words that they are written with: reading them must not panic, and the name of
//! a backend that a rule says comes out as it is.
#![no_main]

use haguard::wire::haproxy::config::{Model, ParseContext, RouteTarget, Source, match_pattern, parse};
use libfuzzer_sys::fuzz_target;

/// What a byte below 128 stands for, in turn; any other stands for itself.
const WORDS: &[&str] = &[
    "\n use_backend ",
    "\n acl ",
    "\n default_backend ",
    "\nlisten l\n",
    "\nfrontend g\n",
    "\ndefaults\n",
    "if ",
    "unless ",
    "or ",
    "|| ",
    "{ ",
    "} ",
    "!",
    "hdr(host)",
    "req.hdr(host)",
    "hdr_end(host)",
    "ssl_fc_sni",
    ",lower",
    ",field(1,:)",
    ",map(/m,d)",
    ",map_end(/m)",
    ",host_only",
    "%[",
    "]",
    " -i ",
    " -m ",
    "end ",
    "beg ",
    "found ",
    " -f ",
    "/f ",
    " -- ",
    " a.example ",
    " b ",
    "x",
    "(",
    ")",
    "\"",
    "'",
    "\\",
    "#",
    "$",
    "${E}",
    " ",
    "\n",
];

fuzz_target!(|data: &[u8]| {
    let mut text = "frontend f\n".to_owned();
    for byte in data {
        match WORDS.get(usize::from(*byte % 128)) {
            Some(word) if *byte < 128 => text.push_str(word),
            _ => text.push(char::from(*byte)),
        }
    }
    text.push_str("\nfrontend last\n use_backend known if { hdr(host) -i known.example }\n");
    let around = ParseContext { env_known: true, ..ParseContext::default() };
    let model = Model::from_config(&parse(&[Source { file: "h.cfg".into(), document: text.as_str().into() }], &around));
    for route in &model.routes {
        for host in &route.hosts {
            let _ = match_pattern("end", host);
        }
    }
    let known = |to: &RouteTarget| matches!(to, RouteTarget::Backend(name) if name == "known");
    // An open quotation, a comment or `.if` may swallow the rest.
    let swallows = |byte: &u8| WORDS.get(usize::from(*byte)).is_none_or(|word| "\"'\\#${E}".contains(word));
    if !data.iter().any(swallows) {
        assert!(model.routes.iter().any(|route| route.frontend == "last" && known(&route.to)));
    }
});
