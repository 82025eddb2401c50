//! Our reading of `EnvironmentFile=` and of the words of `ExecStart=` beside that of a real systemd.

use std::collections::BTreeMap;

use haguard::wire::systemd::{environment_file, exec_command};

use crate::support::guest::Guest;
use crate::support::requires::requires;

/// What a file may hold that has a meaning to somebody.
const LETTERS: &[&str] =
    &["A", "B", "=", "=", "'", "\"", "\\", " ", "\t", "\n", "\n", "\r", "#", ";", "$", "x", "é"];
/// Generated files beside those that are written out.
const GENERATED: usize = 150;

const WRITTEN: &[&str] = &[
    "A=x\nB=y",
    "A=  x y \t\nB=\"x  \"\nC='x  ' y  \n",
    "A=a\\\nb\nB=\"a\\\nb\\$c\\d\"\nC='a\\\nb'\n",
    "# c \\\nA=1\n; B=2\nexport C=3\n D =4\n2=5\n=6\nE\nF=\n",
    "A=x\\ \nB=\"q\"r\nC=\"q\" r\nD=q\"r\"\n",
    "A=\"open\nB=2\n",
    "A=x # y\nB=$A ${A}\nC=\\x\n",
    "A=1\r\nB=2\r\n",
    "A=\x01\x7f\n",
];

/// What systemd takes for no text at all.
const REFUSED: &[&[u8]] = &[b"A=\xff\n", b"A=1\0\n"];

/// Each file is read by an instance of one unit, which prints what it got.
const UNIT: &str = "[Unit]
StartLimitIntervalSec=0
[Service]
Type=oneshot
EnvironmentFile=/etc/envs/%i
StandardOutput=truncate:/run/envs/%i
ExecStart=/usr/bin/env -0
";

/// The same for words.
const WORDS: &str = "[Service]
Type=oneshot
EnvironmentFile=/etc/words/%i
StandardOutput=truncate:/run/words/%i
ExecStart=/usr/bin/printf %%s\\0 begin $V ${V} x${V}y$V $$V $NONE ${NONE} $V-x ${V:-y} ${V end$ end
";

/// Numbers without a pattern, the same in every run.
fn numbers(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default()
    }
}

fn texts() -> Vec<Vec<u8>> {
    let mut next = numbers(7);
    let written = WRITTEN.iter().map(|text| text.as_bytes()).chain(REFUSED.iter().copied());
    let generated = (0..GENERATED).map(|_| {
        let length = next() % 28;
        let body: String = (0..length).map(|_| LETTERS[next() % LETTERS.len()]).collect();
        format!("A={body}").into_bytes()
    });
    written.map(<[u8]>::to_vec).chain(generated).collect()
}

/// Starts an instance for each text and returns what it printed, none where systemd did not start it.
fn printed(guest: &Guest, unit: &str, kind: &str, texts: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
    guest.ok(["mkdir", "-p", &format!("/etc/{kind}"), &format!("/run/{kind}")]);
    guest.write(&format!("/etc/systemd/system/{kind}@.service"), unit);
    guest.ok(["systemctl", "daemon-reload"]);
    for (number, text) in texts.iter().enumerate() {
        std::fs::write(guest.path(&format!("/etc/{kind}/{number}")), text).unwrap();
    }
    let names: Vec<String> = (0..texts.len()).map(|number| format!("{kind}@{number}.service")).collect();
    // The command waits for all of them and fails where one does.
    let _ = guest.run(["systemctl", "start"].into_iter().map(str::to_owned).chain(names.clone()));
    let one = |(number, name): (usize, &String)| {
        let failed = guest.property(name, "Result") != "success";
        (!failed).then(|| std::fs::read(guest.path(&format!("/run/{kind}/{number}"))).unwrap())
    };
    names.iter().enumerate().map(one).collect()
}

fn parts(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn a_file_is_read_as_a_real_systemd_reads_it() {
    requires!(Guest);
    let guest = Guest::boot();
    let version: u32 =
        guest.ok(["systemctl", "--version"]).split_whitespace().nth(1).unwrap().parse().unwrap();
    let texts = texts();
    // The environment that every unit gets, read off an empty file.
    let with_empty: Vec<Vec<u8>> = texts.iter().cloned().chain([Vec::new()]).collect();
    let mut all = printed(&guest, UNIT, "envs", &with_empty);
    let variables = |bytes: &[u8]| -> BTreeMap<String, String> {
        let pairs = parts(bytes);
        pairs
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    };
    let systemds = variables(&all.pop().unwrap().unwrap());
    let mut refused = 0;
    for (text, seen) in texts.iter().zip(all) {
        let shown = String::from_utf8_lossy(text);
        let ours = environment_file::parse(text, version);
        let Some(seen) = seen else {
            assert!(ours.is_err(), "systemd refuses {shown:?}");
            refused += 1;
            continue;
        };
        let seen = variables(&seen).into_iter().filter(|(name, _)| !systemds.contains_key(name));
        let ours: BTreeMap<String, String> =
            ours.unwrap_or_else(|error| panic!("{shown:?}: {error}")).into_iter().collect();
        assert_eq!(ours, seen.collect(), "{shown:?}");
    }
    assert_eq!(refused, REFUSED.len());
}

#[test]
fn words_are_made_as_a_real_systemd_makes_them() {
    requires!(Guest);
    let guest = Guest::boot();
    let values = [
        "",
        "one",
        "a b",
        "  a\tb  ",
        "'a b' c",
        "a\"b c\"d",
        "a\\\\ b",
        "it's",
        r#""a\"b c" d"#,
        r"'a\'b c' d",
        "open 'x y",
        "\"\"",
        "$$ $V ${V}",
        "é%i",
    ];
    let quoted = |value: &&str| {
        let escaped: String = value
            .chars()
            .flat_map(|letter| {
                ['"', '\\', '$', '`'].contains(&letter).then_some('\\').into_iter().chain([letter])
            })
            .collect();
        format!("V=\"{escaped}\"\n").into_bytes()
    };
    let texts: Vec<Vec<u8>> = values.iter().map(quoted).collect();
    let line = [
        "begin", "$V", "${V}", "x${V}y$V", "$$V", "$NONE", "${NONE}", "$V-x", "${V:-y}", "${V", "end$", "end",
    ];
    let line = line.map(str::to_owned);
    for (value, seen) in values.iter().zip(printed(&guest, WORDS, "words", &texts)) {
        let environment = [("V".to_owned(), (*value).to_owned())].into();
        assert_eq!(exec_command::expand(&line, &environment), parts(&seen.unwrap()), "{value:?}");
    }
}
