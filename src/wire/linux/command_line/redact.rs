//! What may be shown of a command line: everything but what looks like a secret. Where in doubt it hides.

/// What is shown in place of a secret.
const REDACTED: &str = "***";

/// A name that holds one of these stands before a secret.
const SECRET_SUBSTRINGS: &[&str] = &[
    "passw",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "pwd",
    "requirepass",
];
/// A name with one of these as a word of its own does too.
const SECRET_WORDS: &[&str] =
    &["key", "keys", "auth", "pass", "pw", "pin", "bearer", "authorization", "cookie", "dsn"];
/// Values that are tokens by the look of them: of GitHub, Vault, Slack, AWS, GitLab, and JSON web tokens.
const TOKEN_PREFIXES: &[&str] =
    &["ghp_", "gho_", "github_pat_", "hvs.", "xoxb-", "xoxp-", "AKIA", "glpat-", "eyJ", "sk-"];
/// Programs whose `-pVALUE` is a password.
const SHORT_PASSWORD_PROGRAMS: &[&str] = &["mysql", "mariadb", "sshpass", "mongo"];
/// Programs whose `-p VALUE` is a port or a file, so that hiding it would hide what is asked for.
const SHORT_PORT_PROGRAMS: &[&str] = &["haproxy", "postgres", "postmaster", "redis", "memcached", "sshd"];

/// The words of a command line with what may be secret in them taken out; there are as many of them as before.
pub fn redact_args(argv: &[String]) -> Vec<String> {
    let program = argv.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word));
    let harmless_p = SHORT_PORT_PROGRAMS.iter().any(|name| program.starts_with(name));
    let password_p = SHORT_PASSWORD_PROGRAMS.iter().any(|name| program.starts_with(name));
    let mut hide = false;
    let mut shown = Vec::with_capacity(argv.len());
    for (at, word) in argv.iter().enumerate() {
        // The name of a flag that takes a value; a flag after it means that it took none.
        if std::mem::take(&mut hide) && !word.starts_with("--") {
            shown.push(REDACTED.to_owned());
            continue;
        }
        let flag = word.starts_with('-') && at > 0;
        hide = flag && !word.contains('=') && (is_secret_name(word) || (word == "-p" && !harmless_p));
        shown.push(match word.strip_prefix("-p") {
            Some(value) if flag && password_p && !value.is_empty() => format!("-p{REDACTED}"),
            _ if hide => word.clone(),
            _ => redact_arg(word),
        });
        if flag && matches!(word.as_str(), "-u" | "--user") {
            let credentials = argv.get(at + 1).is_some_and(|next| next.contains(':'));
            hide |= credentials;
        }
    }
    shown
}

/// One argument may hold several words: a script, a connection string, a header.
fn redact_arg(word: &str) -> String {
    if !word.contains(char::is_whitespace) {
        return redact_word(word);
    }
    let mut hide = false;
    let mut shown = String::with_capacity(word.len());
    for part in word.split_inclusive(char::is_whitespace) {
        let text = part.trim_end_matches(char::is_whitespace);
        let blank = &part[text.len()..];
        let scheme = matches!(text.to_ascii_lowercase().as_str(), "bearer" | "basic" | "digest");
        match (hide || scheme, text.is_empty()) {
            (_, true) => {}
            (true, _) if !scheme => {
                shown.push_str(REDACTED);
                hide = false;
            }
            _ => {
                let name = text.trim_end_matches([':', '=']);
                hide =
                    scheme || (is_secret_name(name) && (name.starts_with('-') || text.ends_with([':', '='])));
                shown.push_str(&redact_word(text));
            }
        }
        shown.push_str(blank);
    }
    shown
}

/// A word without blanks.
fn redact_word(word: &str) -> String {
    if TOKEN_PREFIXES.iter().any(|start| word.trim_start_matches(['"', '\'']).starts_with(start)) {
        return REDACTED.to_owned();
    }
    if let Some((scheme, rest)) = word.split_once("://") {
        return redact_url(scheme, rest);
    }
    match word.split_once(['=', ':']) {
        Some((name, value)) if !value.is_empty() && is_secret_name(name) => {
            format!("{name}{}{REDACTED}", &word[name.len()..=name.len()])
        }
        // A value may be a connection string or name a secret further in: -Dspring.password=x, --set a=b,token=c.
        Some((name, value)) => {
            let mark = &word[name.len()..=name.len()];
            let inner: Vec<String> = value.split(',').map(redact_word).collect();
            format!("{}{mark}{}", name, inner.join(","))
        }
        None => word.to_owned(),
    }
}

/// A URL without its credentials, and without what its parameters call secret.
fn redact_url(before: &str, rest: &str) -> String {
    // What stands before the scheme may be `--url=`, and its name may say it all.
    let (name, scheme) = before.rsplit_once('=').map_or(("", before), |(name, scheme)| (name, scheme));
    if !name.is_empty() && is_secret_name(name) {
        return format!("{name}={REDACTED}");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may hold a slash that is not escaped: the last @ counts.
    let from = rest.rfind('@').map_or(0, |at| at + 1);
    let (hidden, from) =
        if from > 0 && (from <= end || rest[..end].contains(':')) { (REDACTED, from - 1) } else { ("", 0) };
    let shown = &rest[from..];
    let shown = match shown.split_once('?') {
        None => shown.to_owned(),
        Some((path, query)) => {
            let parameters: Vec<String> = query.split('&').map(redact_word).collect();
            format!("{path}?{}", parameters.join("&"))
        }
    };
    let name = if name.is_empty() { String::new() } else { format!("{name}=") };
    format!("{name}{scheme}://{hidden}{shown}")
}

fn is_secret_name(name: &str) -> bool {
    let low = name.to_ascii_lowercase();
    let mut words = low.split(|c: char| !c.is_ascii_alphanumeric());
    SECRET_SUBSTRINGS.iter().any(|within| low.contains(within))
        || words.any(|word| SECRET_WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redacted_line(line: &str) -> String {
        redact_args(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).join(" ")
    }

    #[test]
    fn what_may_be_secret_is_hidden_in_every_spelling() {
        let cases = [
            ("app --password hunter2 --port 80", "app --password *** --port 80"),
            ("app --db-password=hunter2", "app --db-password=***"),
            ("app -p hunter2", "app -p ***"),
            ("mysql -phunter2 -u root", "mysql -p*** -u root"),
            ("curl -u admin:hunter2 http://h/", "curl -u *** http://h/"),
            ("env TOKEN=hunter2 app", "env TOKEN=*** app"),
            ("app postgresql://u:hunter2@db/x", "app postgresql://***@db/x"),
            ("app --dsn=postgresql://u:hunter2@db/x", "app --dsn=***"),
            ("app --url=http://u:hunter2@db/x", "app --url=http://***@db/x"),
            ("app http://h/x?token=hunter2&a=1", "app http://h/x?token=***&a=1"),
            ("app http://u:hun/ter2@h/x", "app http://***@h/x"),
            ("java -Dspring.datasource.password=hunter2", "java -Dspring.datasource.password=***"),
            ("app --set a=b,token=hunter2", "app --set a=b,token=***"),
            ("app ghp_hunter2", "app ***"),
            ("redis --requirepass hunter2", "redis --requirepass ***"),
            ("app --api-key hunter2 x", "app --api-key *** x"),
        ];
        for (line, expected) in cases {
            assert_eq!(redacted_line(line), expected);
        }
        let one = |word: &str| redact_args(&["sh".into(), "-c".into(), word.into()])[2].clone();
        assert_eq!(one("TOKEN=hunter2 exec app --password hunter2"), "TOKEN=*** exec app --password ***");
        assert_eq!(one("host=h password=hunter2 user=u"), "host=h password=*** user=u");
        assert_eq!(one("Authorization: Bearer hunter2"), "Authorization: Bearer ***");
        assert_eq!(one("X-Token: hunter2"), "X-Token: ***");
    }

    #[test]
    fn what_is_asked_for_stays() {
        for line in [
            "/usr/sbin/haproxy -W -S /run/m.sock -f /etc/h.cfg -p /run/h.pid",
            "python3 -m http.server 5050 --bind 127.0.0.1",
            "postgres -D /data -p 5432",
            "gunicorn --keep-alive 5 -b 127.0.0.1:5050 app:app",
            "nginx: master process /usr/sbin/nginx",
        ] {
            assert_eq!(redacted_line(line), line);
        }
    }

    proptest! {
        #[test]
        fn the_number_of_words_stays(argv in proptest::collection::vec("\\PC{0,20}", 0..8)) {
            prop_assert_eq!(redact_args(&argv).len(), argv.len());
        }

        #[test]
        fn the_value_of_a_secret_flag_is_never_shown(value in "[a-z0-9]{12}", flag in "--[a-z]{0,4}password") {
            let line = [vec!["app".to_owned(), flag.clone(), value.clone()], vec![format!("{flag}={value}")]].concat();
            prop_assert!(!redact_args(&line).join(" ").contains(&value));
        }
    }
}
