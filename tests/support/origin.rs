//! A tiny HTTP server to stand behind HAProxy, and a client that holds connections open through it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http::{Server, read_head};

/// Answers `ok` to every request, and to `/hold` never completely.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    state: Arc<OriginState>,
    _server: Server,
}

#[derive(Debug, Default)]
struct OriginState {
    requests: AtomicUsize,
    held: Mutex<Vec<TcpStream>>,
}

impl Origin {
    /// Starts one on a port of its own.
    pub(crate) fn start() -> Self {
        let state = Arc::new(OriginState::default());
        let shared = Arc::clone(&state);
        let server = Server::start_raw(move |stream| serve(stream, &shared));
        Origin { port: server.port, state, _server: server }
    }

    /// A configuration with this port for `{port:origin}`.
    pub(crate) fn behind(&self, config: &str) -> String {
        config.replace("{port:origin}", &self.port.to_string())
    }

    /// How many requests came in, health checks included.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Completes every held exchange. A client that goes away is not enough: HAProxy waits for the server's answer.
    pub(crate) fn release(&self) {
        for mut stream in self.state.held.lock().expect("no thread panicked with it").drain(..) {
            let _ = stream.write_all(b"k");
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.release();
    }
}

fn serve(mut stream: TcpStream, state: &OriginState) {
    let Some(head) = read_head(&mut stream) else { return };
    state.requests.fetch_add(1, Ordering::SeqCst);
    let hold = head.starts_with("GET /hold");
    let body = if hold { "o" } else { "ok" }; // one byte short keeps the exchange open
    if hold {
        // before the answer, so that whoever saw the answer can release it
        state.held.lock().expect("no thread panicked with it").extend(stream.try_clone());
    }
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{body}");
    if hold {
        let _ = stream.read(&mut [0]); // until the client or our own end closes
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

/// Sends `GET path` to a port and returns the whole answer; empty where the connection broke.
pub(crate) fn get(port: u16, path: &str) -> String {
    let mut answer = Vec::new();
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let _ = write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        let _ = stream.read_to_end(&mut answer);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Opens `count` exchanges through a frontend that stay unfinished while the result lives; each has reached the origin.
pub(crate) fn hold_connection(port: u16, count: usize) -> Vec<TcpStream> {
    let open = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the frontend accepts");
        write!(stream, "GET /hold HTTP/1.1\r\nHost: test\r\n\r\n").expect("the frontend reads");
        let head = read_head(&mut stream).expect("the origin answers through the frontend");
        assert!(head.contains(" 200 "), "not held: {head}");
        stream
    };
    (0..count).map(open).collect()
}
