//! Certificates that nobody trusts.

use rcgen::{CertifiedKey, generate_simple_self_signed};

/// A self-signed certificate with its key, as HAProxy loads it.
pub(crate) fn self_signed(name: &str) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).expect("a name is all it takes");
    format!("{}{}", cert.pem(), signing_key.serialize_pem())
}
