use super::*;
use proptest::prelude::*;

/// As a real server wrote it.
const CONFIG_WITH_HEADER: &str =
    "# _md5hash=5d41402abc4b2a76b9719d911017c592\n# _version=41\n\nglobal\n  maxconn 200\n";

#[test]
fn the_header_is_read_where_the_server_writes_it() {
    let read = parse_header(CONFIG_WITH_HEADER.as_bytes());
    assert_eq!(read, Header { md5: Some("5d41402abc4b2a76b9719d911017c592".into()), version: Some(41) });
    assert_eq!(parse_header(b"global\n# _version=3\n# _md5hash=a\n"), Header::default());
    assert_eq!(parse_header(b"# ours\n# _md5hash=a\n# _version=3\n"), Header { md5: None, version: Some(3) });
    assert_eq!(parse_header(b"# _version=many\n").version, None);
    assert_eq!(parse_header(b""), Header::default());
}

#[test]
fn the_hash_is_of_everything_after_the_line_that_records_it() {
    assert_eq!(expected_md5(b"# _md5hash=x\nhello"), "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(expected_md5(b"hello"), "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(expected_md5(b"# _md5hash=x"), "d41d8cd98f00b204e9800998ecf8427e");
}

#[test]
fn the_last_known_good_file_is_beside_the_configuration_or_among_the_backups() {
    let config = Path::new("/etc/haproxy/haproxy.cfg");
    assert_eq!(last_known_good_path(config, None), Path::new("/etc/haproxy/haproxy.cfg.lkg"));
    assert_eq!(last_known_good_path(config, Some(Path::new("/b"))), Path::new("/b/haproxy.cfg.lkg"));
}

#[test]
fn answers_of_a_real_server() {
    assert_eq!(parse_config_version("6\n"), Ok(6));
    assert_eq!(
        parse_api_version(r#"{"api":{"build_date":"x","version":"v3.2.13 abc"},"system":{}}"#).unwrap(),
        "v3.2.13 abc"
    );
    let list = r#"[{"id":"2026-11-21-1","reload_timestamp":1795253228,"response":"[ALERT] no","status":"failed"},
        {"id":"2026-11-21-2","status":"in_progress"}]"#;
    let list = parse_reloads(list).unwrap();
    assert_eq!((list[0].status, list[0].reload_timestamp), (ReloadStatus::Failed, Some(1795253228)));
    assert_eq!((list[1].status, list[1].id.as_str()), (ReloadStatus::InProgress, "2026-11-21-2"));
    let list = r#"[{"_version":1,"id":"a","status":"in_progress"},{"id":"b","status":"failed"}]"#;
    let list = parse_transactions(list).unwrap();
    assert_eq!((list[0].version, list[0].status), (Some(1), TransactionStatus::InProgress));
    assert_eq!((list[1].version, list[1].status), (None, TransactionStatus::Failed));
    assert_eq!(parse_runtime_pid(r#"{"info":{"pid":17},"runtimeAPI":"/m"}"#), Ok(Some(17)));
    assert_eq!(parse_runtime_pid(r#"{"error":"gone"}"#), Ok(None));
    assert_eq!(parse_error(r#"{"code":409,"message":"m"}"#).unwrap().message, "m");
    assert_eq!(parse_error("<html>"), None);
}

#[test]
fn unexpected_json_is_reported_with_its_place() {
    let error = parse_reloads(r#"[{"id":"a","status":"failed"},{"id":7,"status":"failed"}]"#).unwrap_err();
    assert!(error.to_string().starts_with("at [1].id: invalid type"), "{error}");
    assert!(
        parse_config_version("6 7").is_err()
            && parse_config_version("-1").is_err()
            && parse_config_version("").is_err()
    );
    assert_eq!(parse_reloads(r#"[{"id":"a","status":"new word"}]"#).unwrap()[0].status, ReloadStatus::Other);
    assert_eq!(parse_transactions("null").unwrap(), []);
}

#[test]
fn the_servers_own_settings() {
    let yml = "haproxy:\n  config_file: /etc/haproxy/haproxy.cfg\n  master_runtime: \"/run/m.sock\"\n  \
               master_worker_mode: true\n  reload:\n    reload_delay: 5\n    reload_cmd: kill -USR2 1\n    restart_cmd: x\n";
    let read = parse_config(yml);
    assert_eq!(read.config_file.as_deref(), Some(Path::new("/etc/haproxy/haproxy.cfg")));
    assert_eq!(read.master_runtime.as_deref(), Some(Path::new("/run/m.sock")));
    assert!(read.master_worker_mode);
    assert_eq!((read.reload_delay, read.reload_cmd.as_deref()), (Some(5), Some("kill -USR2 1")));
    assert_eq!(parse_config("config_file:\n"), DataPlaneApiConfig::default());
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (parse_header(&bytes), expected_md5(&bytes), parse_config(&text), parse_error(&text));
        let _ = (parse_api_version(&text), parse_config_version(&text), parse_reloads(&text), parse_transactions(&text), parse_runtime_pid(&text));
    }

    #[test]
    fn a_header_that_was_written_is_read_again(number in any::<u64>(), rest in "[a-z\n ]{0,80}") {
        let body = format!("# _version={number}\n{rest}");
        let md5 = expected_md5(body.as_bytes());
        let whole = format!("# _md5hash={md5}\n{body}");
        prop_assert_eq!(parse_header(whole.as_bytes()), Header { md5: Some(md5.clone()), version: Some(number) });
        prop_assert_eq!(expected_md5(whole.as_bytes()), md5);
    }
}
