//! HAProxy's own command line: which files it loads and where its master socket is.

/// What the arguments say. Options that haguard has no use for are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HaproxyArgs {
    /// `-f` (and what follows `--`), in order: files and folders.
    pub files: Vec<String>,
    /// `-S`: the master socket, without its bind options.
    pub master_socket: Option<String>,
    /// `-W` or `-Ws` (or `-S`, which is useless without).
    pub master_worker: bool,
    /// `-L`: the local peer's name.
    pub localpeer: Option<String>,
    /// `-p`: where it writes its PID.
    pub pid_file: Option<String>,
    /// `-C`: the folder it changes to before reading files.
    pub folder: Option<String>,
    /// The arguments beside the files that decide what a configuration means, for a test with `-c`: `-L`, `-C`, `-n`,
    /// `-dr`...
    pub test_args: Vec<String>,
    /// The arguments beside the files of a first start in the foreground: without what a reload added, without the PID
    /// file, and without those that choose between master, daemon and foreground.
    pub start_args: Vec<String>,
}

impl HaproxyArgs {
    /// Arguments, and `-f` before each file.
    pub fn with_files(options: &[String], files: &[String]) -> Vec<String> {
        let files = files.iter().flat_map(|file| ["-f".to_owned(), file.clone()]);
        options.iter().cloned().chain(files).collect()
    }
}

/// Flags that say how it runs, which each start sets again.
const RUN_MODE_FLAGS: &[&str] = &["-W", "-Ws", "-D", "-Ds", "-db", "-q", "-c", "-V"];

/// Flags that take the next argument, and whether a configuration test needs them.
const FLAGS_WITH_VALUE: &[(&str, bool)] = &[
    ("-f", true),
    ("-L", true),
    ("-C", true),
    ("-n", true),
    ("-N", true),
    ("-m", true),
    ("-S", false),
    ("-p", false),
    ("-x", false),
];

/// Reads the arguments, the program's name first.
pub fn parse(argv: &[String]) -> HaproxyArgs {
    let mut found = HaproxyArgs::default();
    let mut rest = argv.iter().skip(1).peekable();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-W" | "-Ws" => found.master_worker = true,
            // The PIDs of a re-executed master: numbers until the next flag.
            "-sf" | "-st" => while rest.next_if(|next| next.parse::<u32>().is_ok()).is_some() {},
            "--" => {
                found.files.extend(rest.by_ref().cloned());
            }
            flag => {
                let Some((_, needed)) = FLAGS_WITH_VALUE.iter().find(|(name, _)| *name == flag) else {
                    if matches!(flag, "-dr" | "-dC" | "-V") || flag.starts_with("-dD") {
                        found.test_args.push(flag.to_owned());
                    }
                    if !RUN_MODE_FLAGS.contains(&flag) {
                        found.start_args.push(flag.to_owned());
                    }
                    continue;
                };
                let Some(value) = rest.next() else { break };
                if *needed && flag != "-f" {
                    found.test_args.extend([flag.to_owned(), value.clone()]);
                }
                if !matches!(flag, "-f" | "-p" | "-x") {
                    found.start_args.extend([flag.to_owned(), value.clone()]);
                }
                match flag {
                    "-f" => found.files.push(value.clone()),
                    "-L" => found.localpeer = Some(value.clone()),
                    "-C" => found.folder = Some(value.clone()),
                    "-p" => found.pid_file = Some(value.clone()),
                    "-S" => found.master_socket = value.split(',').next().map(str::to_owned),
                    _ => {}
                }
            }
        }
    }
    found
}

/// The unix path in a socket address, where it is one: `unix@/run/a.sock` and `/run/a.sock` both are.
pub fn unix_path(address: &str) -> Option<&str> {
    let path = address.strip_prefix("unix@").unwrap_or(address);
    path.starts_with('/').then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split_args(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_master_that_executed_itself_again_after_a_reload() {
        let argv = parse(&split_args(
            "/usr/sbin/haproxy -sf 12 13 -x sockpair@5 -Ws -S /run/m.sock,mode,600 -f /etc/a.cfg -f /etc/d -p /run/p",
        ));
        assert_eq!(argv.files, ["/etc/a.cfg", "/etc/d"]);
        assert_eq!(argv.pid_file.as_deref(), Some("/run/p"));
        assert_eq!(argv.master_socket.as_deref(), Some("/run/m.sock"));
        assert!(argv.master_worker);
        assert!(argv.test_args.is_empty());
        assert_eq!(argv.start_args, ["-S", "/run/m.sock,mode,600"]);
        assert_eq!(
            HaproxyArgs::with_files(&argv.test_args, &argv.files),
            ["-f", "/etc/a.cfg", "-f", "/etc/d"]
        );
    }

    #[test]
    fn files_after_a_double_dash_and_options_that_change_the_meaning() {
        let argv = parse(&split_args("haproxy -L me -C /etc/haproxy -db -dr -- a.cfg b.cfg"));
        assert_eq!(argv.files, ["a.cfg", "b.cfg"]);
        assert_eq!(argv.localpeer.as_deref(), Some("me"));
        assert_eq!(argv.folder.as_deref(), Some("/etc/haproxy"));
        assert_eq!(argv.test_args, split_args("-L me -C /etc/haproxy -dr"));
        assert_eq!(argv.start_args, split_args("-L me -C /etc/haproxy -dr"));
        assert!(!argv.master_worker);
    }

    #[test]
    fn only_unix_addresses_have_a_path() {
        assert_eq!(unix_path("unix@/run/a"), Some("/run/a"));
        assert_eq!(unix_path("/run/a"), Some("/run/a"));
        assert_eq!(unix_path("ipv4@127.0.0.1:9000"), None);
        assert_eq!(unix_path("sockpair@4"), None);
    }

    proptest! {
        #[test]
        fn no_arguments_make_it_panic(argv in proptest::collection::vec("[-a-zA-Z0-9/.,@]{0,12}", 0..12)) {
            let found = parse(&argv);
            prop_assert!(found.files.len() <= argv.len());
        }
    }
}
