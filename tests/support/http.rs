//! HTTP by hand over std: a server for stand-ins and a client that says exactly what came back.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ports::{self, Port};

/// What a client asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What a server answered; header names in lower case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// A server on a loopback port of its own, ended with this value.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    _lease: Port,
    stopping: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers every request by `handle`, each connection in a thread of its own.
    pub(crate) fn start(handle: impl Fn(Request) -> Response + Send + Sync + 'static) -> Self {
        Self::start_raw(move |mut stream| {
            if let Some(request) = read_request(&mut stream) {
                let _ = stream.write_all(handle(request).to_wire().as_bytes());
            }
        })
    }

    /// Hands over each connection as it is, for answers that no honest server gives.
    pub(crate) fn start_raw(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let (listener, lease) = ports::listen();
        let stopping = Arc::new(AtomicBool::new(false));
        let (stop, handle) = (Arc::clone(&stopping), Arc::new(handle));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().take_while(|_| !stop.load(Ordering::SeqCst)).flatten() {
                let handle = Arc::clone(&handle);
                std::thread::spawn(move || handle(stream));
            }
        });
        Server { port: lease.number, _lease: lease, stopping, accepting: Some(accepting) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port)); // wakes accept
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Response {
    /// An answer with a body.
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<String>) -> Self {
        Response { status, body: body.into(), ..Response::default() }.with("content-type", kind)
    }

    /// The same with a header more.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.insert(name.into(), value.to_string());
        self
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn to_wire(&self) -> String {
        let headers =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
        let length = if self.status == 204 {
            String::new()
        } else {
            format!("content-length: {}\r\n", self.body.len())
        };
        format!("HTTP/1.1 {} X\r\n{headers}{length}connection: close\r\n\r\n{}", self.status, self.body)
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let head = read_head(stream)?;
    let mut words = head.split_whitespace();
    let method = words.next()?.to_owned();
    let (path, query) = words.next().map(|target| target.split_once('?').unwrap_or((target, "")))?;
    let (path, query) = (path.to_owned(), query.split('&').filter_map(pair).collect());
    let headers = head_fields(&head);
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Request { method, path, query, headers, body })
}

/// A request or answer up to the empty line, or None where the other side closed before it.
pub(crate) fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

fn pair(text: &str) -> Option<(String, String)> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn head_fields(head: &str) -> BTreeMap<String, String> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect()
}

/// Sends one request and reads the whole answer.
#[track_caller]
pub(crate) fn call(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("a timeout can be set");
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .expect("the server reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a whole answer in time");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Response { status, headers: head_fields(head), body: body.to_owned() }
}
