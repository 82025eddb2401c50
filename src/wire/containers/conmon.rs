//! The command line of conmon, the monitor that Podman leaves with each of its containers.

/// Options of Podman's that say where its containers are; each has a value.
const STORAGE_OPTIONS: &[&str] = &[
    "--root",
    "--runroot",
    "--tmpdir",
    "--imagestore",
    "--storage-driver",
    "--storage-opt",
    "--db-backend",
    "--volumepath",
];

/// Its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conmon {
    /// The container's id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// The options with which Podman finds it, each followed by its value.
    pub storage_options: Vec<String>,
}

impl Conmon {
    /// Reads its arguments; none where they name no container.
    pub fn from_argv(argv: &[String]) -> Option<Self> {
        let (mut seen, mut exit) = (Conmon::default(), Vec::new());
        let mut words = argv.iter().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "-c" | "--cid" => seen.id = words.next()?.clone(),
                "-n" | "--name" => seen.name = words.next().cloned(),
                "--exit-command-arg" => exit.extend(words.next()),
                // Their values are not conmon's own options.
                "--runtime-arg" | "--runtime-opt" => drop(words.next()),
                _ => {}
            }
        }
        let mut words = exit.into_iter();
        while let Some(word) = words.next().filter(|word| word.starts_with("--")) {
            // From 4.4 on there are `--transient-store=false`, which is one word, and options that have no value.
            if word.contains('=') || word == "--syslog" {
                continue;
            }
            let Some(value) = words.next() else { break };
            if STORAGE_OPTIONS.contains(&word.as_str()) && !value.is_empty() {
                seen.storage_options.extend([word.clone(), value.clone()]);
            }
        }
        (!seen.id.is_empty()).then_some(seen)
    }

    /// The options that a person needs to reach it; none where Podman keeps it in its usual place.
    pub fn non_default_options(&self) -> Vec<String> {
        let pairs = || self.storage_options.chunks_exact(2);
        let elsewhere = |pair: &[String]| pair[0] == "--root" && !pair[1].ends_with("/containers/storage");
        let leads = |pair: &&[String]| matches!(pair[0].as_str(), "--root" | "--runroot" | "--tmpdir");
        match pairs().any(elsewhere) {
            true => pairs().filter(leads).flatten().cloned().collect(),
            false => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse_line(line: &str) -> Option<Conmon> {
        Conmon::from_argv(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_container_and_where_podman_finds_it() {
        let line = "/usr/bin/conmon --api-version 1 -c 0a1b -u 0a1b -r /usr/bin/crun -n web --full-attach --runtime-arg -c \
                    --exit-command /usr/bin/podman --exit-command-arg --root --exit-command-arg /srv/c --exit-command-arg \
                    --network-config-dir --exit-command-arg  --exit-command-arg --runroot --exit-command-arg /run/c \
                    --exit-command-arg --storage-driver --exit-command-arg vfs --exit-command-arg container \
                    --exit-command-arg cleanup --exit-command-arg --rm --exit-command-arg 0a1b";
        let seen = parse_line(line).unwrap();
        assert_eq!((seen.id.as_str(), seen.name.as_deref()), ("0a1b", Some("web")));
        assert_eq!(seen.storage_options.join(" "), "--root /srv/c --runroot /run/c --storage-driver vfs");
        assert_eq!(seen.non_default_options().join(" "), "--root /srv/c --runroot /run/c");
        let newer = "conmon -c 0a1b --exit-command-arg --root --exit-command-arg /srv/c --exit-command-arg \
                     --transient-store=false --exit-command-arg --runtime --exit-command-arg crun --exit-command-arg --syslog \
                     --exit-command-arg --storage-driver --exit-command-arg vfs --exit-command-arg container \
                     --exit-command-arg --root --exit-command-arg /else";
        assert_eq!(
            parse_line(newer).unwrap().storage_options.join(" "),
            "--root /srv/c --storage-driver vfs"
        );
        let usual = "conmon -c 0a1b --exit-command-arg --root --exit-command-arg /home/a/.local/share/containers/storage";
        assert!(parse_line(usual).unwrap().non_default_options().is_empty());
        assert_eq!(parse_line("conmon --version"), None);
    }

    proptest! {
        #[test]
        fn no_arguments_make_it_panic(
            words in prop::collection::vec("-c|-n|--exit-command-arg|--root|--runtime-arg|\\PC{0,9}", 0..12),
        ) {
            let seen = Conmon::from_argv(&words);
            prop_assert!(seen.is_none_or(|seen| !seen.id.is_empty() && seen.non_default_options().len() % 2 == 0));
        }
    }
}
