//! What goes wrong between haguard and an HTTP API, as an operator would read it.
//!
//! The servers here are stubs on purpose: no honest server sends half an answer or none at all when asked to.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use haguard::clients::dataplane::DataPlane;
use haguard::clients::http::{Credentials, HttpEndpoint, HttpError};
use haguard::gather::dataplane::query_api;
use haguard::secret::Secret;

use crate::support::dataplane::{BASIC, DataPlaneServer, Mode, PASSWORD, USER};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::http::{Response, Server, read_head};
use crate::support::ports;
use crate::support::process::self_signed_with_key;
use crate::support::requires::requires;
use crate::support::skip::say;

fn target(port: u16) -> HttpEndpoint {
    HttpEndpoint {
        url: format!("http://127.0.0.1:{port}"),
        credentials: None,
        ca_file: None,
        timeout: Duration::from_secs(5),
    }
}

fn client(port: u16) -> DataPlane {
    DataPlane::new(target(port)).expect("the address is one")
}

/// A server that sends these bytes, whatever it is asked, and closes.
fn sends(bytes: &'static str) -> Server {
    Server::start_raw(move |mut stream: TcpStream| {
        read_head(&mut stream);
        let _ = stream.write_all(bytes.as_bytes());
    })
}

fn json(body: &'static str) -> Server {
    Server::start(move |_| Response::new(200, "application/json", body))
}

#[test]
fn wrong_credentials_name_the_user_and_the_passwords_origin_but_never_the_password() {
    requires!(Haproxy(Branch::V28));
    let haproxy = Instance::builder(Branch::V28).start();
    let mut servers = vec![DataPlaneServer::fake(&haproxy, Mode::MasterSocket)];
    servers.extend(DataPlaneServer::real(&haproxy, Mode::MasterSocket));
    for server in &servers {
        let wrong = DataPlane::new(server.target("hunter2")).unwrap();
        let error = wrong.config_version().unwrap_err();
        assert!(error.to_string().ends_with("refused user admin with the password from the test"), "{error}");
        let facts = format!("{:?}", query_api(&wrong));
        assert!(facts.contains("correct the user or the password") && !facts.contains("hunter2"), "{facts}");
        let nobody = DataPlane::new(HttpEndpoint { credentials: None, ..server.target("") }).unwrap();
        assert!(matches!(nobody.config_version(), Err(HttpError::NoCredentials { .. })));
        assert!(server.client().config_version().is_ok());
    }
    assert!(!format!("{:?}", servers[0].target(PASSWORD)).contains(PASSWORD), "a target may be logged");
    say(&format!("wrong credentials: refused by {} server(s)", servers.len()));
}

#[test]
fn a_web_page_is_another_server() {
    let server = Server::start(|_| Response::new(200, "text/html; charset=utf-8", "<p>hello"));
    let error = client(server.port).raw_configuration().unwrap_err();
    assert_eq!(
        error,
        HttpError::WebPage { what: "GET /v3/services/haproxy/configuration/raw".into(), status: 200 }
    );
    assert!(error.why().contains("correct the port"), "{}", error.why());
    let server = Server::start(|_| Response::new(502, "text/plain", "\n<!DOCTYPE html><title>x"));
    assert!(matches!(client(server.port).config_version(), Err(HttpError::WebPage { status: 502, .. })));
}

#[test]
fn half_an_answer_is_no_answer() {
    let answers = [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"api\":",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"api",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "",
    ];
    for answer in answers {
        let server = sends(answer);
        let error = client(server.port).api_version().unwrap_err();
        assert!(matches!(error, HttpError::ConnectionClosed { .. }), "{answer:?}: {error:?}");
        let text = client(server.port).raw_configuration();
        assert!(
            matches!(text, Err(HttpError::ConnectionClosed { .. })),
            "half a configuration is none: {text:?}"
        );
    }
}

#[test]
fn a_server_that_never_answers_costs_the_limit_and_no_more() {
    let limit = Duration::from_millis(300);
    let silent = Server::start_raw(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new()); // until the client gives up
    });
    let stalled = Server::start_raw(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    for server in [silent, stalled] {
        let client = DataPlane::new(HttpEndpoint { timeout: limit, ..target(server.port) }).unwrap();
        let start = Instant::now();
        let error = client.config_version().unwrap_err();
        assert_eq!(error, HttpError::TimedOut { url: client.url().into(), after: limit });
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        assert!(error.why().contains("--timeout"));
    }
}

#[test]
fn nobody_there_is_told_apart_from_not_reachable() {
    let port = ports::free();
    let error = client(port.number).config_version().unwrap_err();
    assert!(matches!(error, HttpError::Refused { .. }), "{error:?}");
    let nowhere =
        DataPlane::new(HttpEndpoint { url: "http://no-such-host.invalid:1".into(), ..target(1) }).unwrap();
    assert!(
        matches!(nowhere.config_version(), Err(HttpError::Unreachable { .. })),
        "{:?}",
        nowhere.config_version()
    );
    let socket = DataPlane::new(HttpEndpoint { url: "unix:/no/such.sock".into(), ..target(1) }).unwrap();
    assert!(
        matches!(socket.config_version(), Err(HttpError::Refused { .. })),
        "{:?}",
        socket.config_version()
    );
}

#[test]
fn a_body_beyond_the_limit_is_not_read_to_its_end() {
    let server = Server::start_raw(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        let chunk = vec![b'#'; 1 << 20];
        while stream.write_all(&chunk).is_ok() {} // until the client has had enough
    });
    let client =
        DataPlane::new(HttpEndpoint { timeout: Duration::from_secs(20), ..target(server.port) }).unwrap();
    assert!(
        matches!(client.raw_configuration(), Err(HttpError::TooLarge { limit, .. }) if limit == 64 << 20)
    );
}

#[test]
fn json_of_another_shape_is_told_with_its_place() {
    let server = json(r#"[{"id":"a","status":"failed"},{"id":"b"}]"#);
    let error = client(server.port).reloads().unwrap_err().to_string();
    assert!(error.ends_with("cannot be read: at [1]: missing field `status` at line 1 column 40"), "{error}");
    let server = json("6 and more");
    assert!(matches!(client(server.port).config_version(), Err(HttpError::Unreadable { .. })));
}

#[test]
fn a_server_of_the_version_before_is_named_as_such() {
    let v2 = Server::start(|request| match request.path.as_str() {
        "/v2/info" => Response::new(200, "application/json", r#"{"api":{"version":"v2.9"}}"#),
        path => Response::new(
            404,
            "application/json",
            format!(r#"{{"code":404,"message":"path {path} was not found"}}"#),
        ),
    });
    let error = client(v2.port).api_version().unwrap_err();
    assert!(
        error.why().ends_with("speaks v2 only; upgrade the Data Plane API to 3.0 or later"),
        "{}",
        error.why()
    );
    let neither = Server::start(|_| Response::new(404, "text/plain", "no"));
    assert!(
        matches!(client(neither.port).api_version(), Err(HttpError::NotFound { said, .. }) if said == "no")
    );
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = json("6\n");
    let to = format!("http://127.0.0.1:{}/", elsewhere.port);
    let server = Server::start(move |_| Response::new(307, "text/plain", "over there").with("location", &to));
    let error = client(server.port).config_version().unwrap_err();
    assert!(matches!(error, HttpError::Status { status: 307, .. }), "{error:?}");
}

#[test]
fn a_header_that_something_in_between_drops_is_unknown_and_not_healthy() {
    let server = Server::start(|_| Response::new(200, "text/plain", "# _md5hash=x\n# _version=3\n"));
    let facts = query_api(&client(server.port));
    assert_eq!(facts.disk_version.seen(), Some(&Some(3)));
    assert!(facts.memory_version.why().unwrap().contains("Configuration-Version"));
    assert!(facts.version_mismatch().seen().is_none(), "could not tell is no pass");
}

#[test]
fn everything_that_could_not_be_seen_says_why_and_what_mends_it() {
    let port = ports::free();
    let client = client(port.number);
    let facts = query_api(&client);
    let saved = serde_json::to_value(&facts).unwrap();
    let unknown =
        saved.as_object().unwrap().iter().filter(|(_, fact)| fact["unknown"]["why"].is_string()).count();
    assert_eq!(unknown, saved.as_object().unwrap().len() - 1, "all but the address: {saved:#}");
    assert!(facts.api_version.why().unwrap().contains("start the server"));
    assert_eq!(client.calls(), 5, "one call for each of the five questions");
    let back: haguard::facts::dataplane::DataPlaneFacts = serde_json::from_value(saved).unwrap();
    assert!(back.config_text.why().unwrap().contains("does not keep"), "the text may hold password hashes");
    assert_eq!(
        haguard::facts::dataplane::DataPlaneFacts { config_text: facts.config_text.clone(), ..back },
        facts
    );
}

#[test]
fn credentials_go_over_a_unix_socket_and_an_address_may_end_in_v3() {
    let folder = crate::support::run::scratch();
    let path = folder.path().join("dp.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n7\n").unwrap();
        String::from_utf8(head).unwrap()
    });
    let credentials =
        Credentials { user: USER.into(), password: Secret::new(PASSWORD), origin: "the test".into() };
    let url = format!("unix:{}", path.display());
    let client = DataPlane::new(HttpEndpoint { url, credentials: Some(credentials), ..target(1) }).unwrap();
    assert_eq!(client.config_version(), Ok(7));
    let head = answering.join().unwrap();
    assert!(head.starts_with("GET /v3/services/haproxy/configuration/version HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: {BASIC}\r\n")), "{head}");

    let server = json("6\n");
    let url = format!("http://127.0.0.1:{}/v3/", server.port);
    assert_eq!(DataPlane::new(HttpEndpoint { url, ..target(1) }).unwrap().config_version(), Ok(6));
}

#[test]
fn addresses_and_authorities_that_cannot_be_used_are_refused_before_anything_is_sent() {
    for url in ["", "127.0.0.1:5555", "http://", "http://[::"] {
        let error = DataPlane::new(HttpEndpoint { url: url.into(), ..target(1) }).unwrap_err();
        assert!(matches!(error, HttpError::Address { .. }), "{url}: {error:?}");
    }
    let folder = crate::support::run::scratch();
    let ca = folder.path().join("ca.pem");
    let with_ca =
        || DataPlane::new(HttpEndpoint { ca_file: Some(ca.clone()), ..target(1) }).unwrap_err().to_string();
    assert!(with_ca().contains("No such file"), "{}", with_ca());
    std::fs::write(&ca, "no certificate\n").unwrap();
    assert!(with_ca().contains("holds no certificate"), "{}", with_ca());
}

/// HAProxy ends TLS and answers by itself, as an operator would put it before the API. Its certificate lies in `folder`.
fn tls_server(folder: &Path, key_options: &str) -> (Instance, PathBuf, String) {
    let pem = self_signed_with_key(folder, key_options);
    let answer = format!(
        "frontend api\n  bind 127.0.0.1:{{port:api}} ssl crt {}\n  http-request return status 200 content-type \
         application/json string \"6\"\n",
        pem.display()
    );
    let haproxy = Instance::builder(Branch::V30).config(&answer).start();
    let url = format!("https://127.0.0.1:{}", haproxy.port("api"));
    (haproxy, pem, url)
}

/// Asks over TLS for what every server here answers with 6.
fn ask(url: &str, ca_file: Option<PathBuf>) -> Result<u64, HttpError> {
    DataPlane::new(HttpEndpoint { url: url.into(), ca_file, ..target(1) }).unwrap().config_version()
}

/// Which keys of certificates can be checked depends on the cryptography under rustls.
#[test]
fn tls_works_with_the_keys_that_the_documentation_of_ca_file_names() {
    requires!(Program("openssl"), Haproxy(Branch::V30));
    let folder = crate::support::run::scratch();
    let curve = |name: &str| format!("ec -pkeyopt ec_paramgen_curve:{name}");
    for key in ["rsa:2048", "rsa:4096", "ed25519", &curve("prime256v1"), &curve("secp384r1")] {
        let (_haproxy, pem, url) = tls_server(folder.path(), key);
        assert_eq!(ask(&url, Some(pem)), Ok(6), "{key}");
    }
    let (_haproxy, pem, url) = tls_server(folder.path(), &curve("secp521r1"));
    let error = ask(&url, Some(pem)).unwrap_err();
    assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
    assert!(error.remedy().contains("P-521"), "{error:?}");
}

#[test]
fn without_a_ca_file_the_authorities_of_the_host_are_trusted() {
    requires!(Program("openssl"), Haproxy(Branch::V30));
    let folder = crate::support::run::scratch();
    let (haproxy, pem, url) = tls_server(folder.path(), "rsa:2048");
    let haguard = Haguard::new();
    haguard.config(&format!("[dataplane]\nurl = \"{url}\"\n"));
    let socket = haproxy.master_socket().unwrap().display();
    let inspect = |authorities: &Path| {
        let mut command = haguard.command();
        command.args(["inspect", "-o", "json", "--config"]).arg(haguard.home().join("haguard.toml"));
        command.arg(format!("--master-socket={socket}")).env("SSL_CERT_FILE", authorities);
        RunOutput::from_command(&mut command).json()["facts"]["dataplane"].to_string()
    };
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let refused = inspect(&self_signed_with_key(&other, "rsa:2048"));
    assert!(refused.contains("no trusted TLS connection"), "{refused}");
    let trusted = inspect(&pem);
    assert!(trusted.contains("/info cannot be read"), "a number is no answer to it: {trusted}");
}

#[test]
fn tls_is_trusted_by_the_ca_file_and_by_nothing_less() {
    requires!(Program("openssl"), Haproxy(Branch::V30));
    let folder = crate::support::run::scratch();
    let (_haproxy, pem, url) = tls_server(folder.path(), "ec -pkeyopt ec_paramgen_curve:prime256v1");
    assert_eq!(ask(&url, Some(pem.clone())), Ok(6));
    let error = ask(&url, None).unwrap_err();
    assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
    assert!(error.why().contains("ca_file"));
    let plain = ask(&url.replace("https", "http"), None).unwrap_err();
    assert!(matches!(plain, HttpError::ConnectionClosed { .. } | HttpError::Status { .. }), "{plain:?}");
    let not_tls = Server::start_raw(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read_to_end(&mut Vec::new()); // until the client gives up
    });
    let error = ask(&format!("https://127.0.0.1:{}", not_tls.port), Some(pem)).unwrap_err();
    assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
}
