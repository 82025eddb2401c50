//! Any bytes, as configuration files: reading them and what follows from them must not panic.
#![no_main]

use haguard::wire::haproxy::config::{Model, ParseContext, PatternKind, Source, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first byte picks the surroundings, and a form feed separates files.
    let (choice, text) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let around = ParseContext {
        env: [("A", "1"), ("B", " x y "), ("C", "")].map(|(k, v)| (k.to_string(), v.to_string())).into(),
        env_known: choice & 1 != 0,
        version: [None, Some((2, 6, 0)), Some((3, 0, 0)), Some((3, 4, 0))][usize::from(choice >> 1) % 4],
        features: (choice & 8 != 0).then(|| ["OPENSSL".to_string()].into()),
        hostname: Some("fuzz".to_string()),
        localpeer_arg: None,
    };
    let files = text.split(|byte| *byte == b'\x0c').enumerate();
    let sources: Vec<Source<'_>> =
        files.map(|(index, file)| Source { file: index.to_string(), document: file.into() }).collect();
    let model = Model::from_config(&parse(&sources, &around));
    let _ = (model.backend_names(), model.inline_pattern_names(), model.pattern_files(PatternKind::Map));
    let _ = model.find_server("b", "s");
});
