//! The HTTP client of all APIs.
//!
//! Every call has a deadline. No proxy is used and no redirect is followed, so that the answer comes from the address
//! that was configured. Each call has a connection of its own: reqwest would silently send a call again over a fresh
//! connection when a kept one turns out to be closed.
//!
//! - `endpoint`: address, credentials, CA file and timeout
//! - `error`: what can go wrong, and its remedy

pub(super) mod endpoint;
pub(super) mod error;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::{Certificate, Method};

pub use endpoint::{Credentials, HttpEndpoint};
pub use error::HttpError;

/// Bytes of the largest answer that is accepted.
const MAX_BODY: u64 = 64 << 20;

/// An API at one address.
#[derive(Debug)]
pub struct HttpClient {
    client: Client,
    base: String,
    target: HttpEndpoint,
    calls: AtomicU32,
}

/// A whole answer, of any status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The method and path that it answers.
    pub what: String,
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpClient {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    /// When the address or the CA file cannot be used.
    #[expect(clippy::disallowed_methods, reason = "this is the one builder of HTTP clients")]
    pub fn new(target: HttpEndpoint) -> Result<Self, HttpError> {
        let url = target.url.trim_end_matches('/');
        let builder = Client::builder()
            .connect_timeout(target.timeout)
            .timeout(target.timeout)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0);
        let (builder, base) = match url.strip_prefix("unix:") {
            Some(path) => {
                let path = PathBuf::from(path.trim_start_matches("//"));
                (builder.unix_socket(path), "http://localhost".to_owned())
            }
            None => (builder, url.to_owned()),
        };
        let builder = match &target.ca_file {
            Some(_) => builder.tls_certs_merge(ca_certificates(&target)?),
            // no certificate will be judged, so none needs to be loaded
            None if !base.starts_with("https:") => builder.tls_certs_only([]),
            None => builder,
        };
        use_ring();
        let unusable = |why: String| HttpError::Address { url: target.url.clone(), why };
        reqwest::Url::parse(&base).map_err(|error| unusable(error.to_string()))?;
        let client = builder.build().map_err(|error| unusable(self::error::root_cause(&error)))?;
        Ok(HttpClient { client, base, target, calls: AtomicU32::new(0) })
    }

    /// The API that this calls.
    pub fn endpoint(&self) -> &HttpEndpoint {
        &self.target
    }

    /// How many calls were sent.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// When no whole answer came, or the credentials were refused.
    pub fn get(&self, path: &str) -> Result<Reply, HttpError> {
        self.send(Method::GET, path, |request| request)
    }

    /// Sends a request that `shape` completes, and reads the whole answer.
    ///
    /// # Errors
    /// When no whole answer came, or the credentials were refused.
    pub fn send(
        &self,
        method: Method,
        path: &str,
        shape: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Reply, HttpError> {
        let what = format!("{method} {path}");
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(credentials) = &self.target.credentials {
            request = request.basic_auth(&credentials.user, Some(credentials.password.reveal()));
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        let answer = shape(request).send().map_err(|error| HttpError::from_send_error(&self.target, &error));
        let result = answer.and_then(|response| self.read(&what, response));
        let status = result.as_ref().map_or(0, |reply| reply.status);
        tracing::debug!(call = what, status, ms = start.elapsed().as_millis(), "http");
        let reply = result?;
        if reply.status == 401 {
            return Err(HttpError::unauthorized(&self.target));
        }
        Ok(reply)
    }

    fn read(&self, what: &str, response: Response) -> Result<Reply, HttpError> {
        let status = response.status().as_u16();
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let mut body = Vec::new();
        let read = response.take(MAX_BODY + 1).read_to_end(&mut body);
        read.map_err(|error| HttpError::from_read_error(&self.target, what, &error))?;
        if body.len() as u64 > MAX_BODY {
            return Err(HttpError::TooLarge {
                url: self.target.url.clone(),
                what: what.into(),
                limit: MAX_BODY,
            });
        }
        Ok(Reply { what: what.to_owned(), status, headers, body })
    }
}

impl Reply {
    /// The body as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body of a successful answer that must be JSON.
    ///
    /// # Errors
    /// When a web page came instead, or another status than 2xx; `explain` finds the server's words in an error body.
    pub fn json_text(&self, explain: impl Fn(&str) -> Option<String>) -> Result<String, HttpError> {
        self.require_success(explain)?;
        Ok(self.text().into_owned())
    }

    /// Refuses web pages and other statuses than 2xx.
    ///
    /// # Errors
    /// For a web page, and for any other status than 2xx.
    pub fn require_success(&self, explain: impl Fn(&str) -> Option<String>) -> Result<&Self, HttpError> {
        let what = || self.what.clone();
        if self.is_web_page() {
            return Err(HttpError::WebPage { what: what(), status: self.status });
        }
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let said = explain(&self.text()).unwrap_or_else(|| excerpt(&self.text()));
        match self.status {
            404 => Err(HttpError::NotFound { what: what(), said }),
            status => Err(HttpError::Status { what: what(), status, said }),
        }
    }

    fn is_web_page(&self) -> bool {
        let html = self.headers.get("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        html || self
            .text()
            .trim_start()
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("<html") || start.eq_ignore_ascii_case("<!doc"))
    }
}

/// Gives rustls its cryptography, once for this process: reqwest takes the process's own, or else fails to build a client.
/// aws-lc, which reqwest would bring, is a C library that takes longer to compile than the rest of the program.
fn use_ring() {
    // An error says that an earlier client did it.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn ca_certificates(target: &HttpEndpoint) -> Result<Vec<Certificate>, HttpError> {
    let path = target.ca_file.clone().unwrap_or_default();
    let unusable = |why: String| HttpError::CaFile { path: path.clone(), why };
    let pem = std::fs::read(&path).map_err(|error| unusable(error.to_string()))?;
    let found =
        Certificate::from_pem_bundle(&pem).map_err(|error| unusable(self::error::root_cause(&error)))?;
    if found.is_empty() {
        return Err(unusable("it holds no certificate".into()));
    }
    Ok(found)
}

/// The beginning of an unexpected answer.
fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(200).collect()
}
