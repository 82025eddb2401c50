//! A listener that a HAProxy is handed by whoever starts it.

use std::path::{Path, PathBuf};

use super::executable;
use super::process::on_path;

/// A program that opens a listener there, as a service manager does, and becomes HAProxy, which learns its number from
/// `FD`. Opened here it would be handed down to what other tests start meanwhile. It takes perl.
pub(crate) fn listener(haproxy: &Path, folder: &Path, (address, port): (&str, u16)) -> PathBuf {
    let perl = on_path("perl").expect("the test requires it");
    let wrapper = folder.join("haproxy");
    let text = format!(
        "#!{}\nuse Socket; BEGIN {{ $^F = 250 }}\nsocket(L, PF_INET, SOCK_STREAM, 0) or die;\n\
         setsockopt(L, SOL_SOCKET, SO_REUSEADDR, 1) or die;\n\
         bind(L, pack_sockaddr_in({port}, inet_aton('{address}'))) or die; listen(L, 5) or die;\n\
         $ENV{{FD}} = fileno(L); exec '{}', @ARGV;\n",
        perl.display(),
        haproxy.display()
    );
    executable::script(&wrapper, &text);
    wrapper
}
