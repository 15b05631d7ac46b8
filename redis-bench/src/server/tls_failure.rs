//! Failures of TLS within errors of the driver, and their remedies.

use std::error::Error;
use std::io;
use std::sync::Arc;

use client_tls::{PLAIN_SERVER, WANTS_CERTIFICATE};
use redis::RedisError;

/// Kinds of failures of TLS, each with the remedy. The last is for all others.
const REMEDIES: [(&str, &str); 7] = [
    (
        "tls.unknown_ca",
        "--ca FILE with the certificate of the authority that issued the server's",
    ),
    (
        "tls.wrong_name",
        "the host in the URL as the server's certificate names it, by a line in /etc/hosts if need be",
    ),
    (
        "tls.certificate",
        "a certificate of the server that holds today, of version 3, with its host as subject alternative name",
    ),
    (
        WANTS_CERTIFICATE,
        "a certificate of an authority that the server trusts: --cert CERT.pem --key KEY.pem",
    ),
    (
        "tls.client_refused",
        "a certificate that holds today, of an authority that the server trusts: --cert CERT.pem --key KEY.pem",
    ),
    (
        PLAIN_SERVER,
        "redis:// in place of rediss:// in the URL, or the server's port for TLS",
    ),
    ("tls", "{cli} ping, which says more of it"),
];

/// Returns the kind of a failure of TLS; `None` if `error` is another one.
pub(crate) fn kind(error: &RedisError) -> Option<&'static str> {
    cause(error).map(client_tls::kind)
}

/// Returns a sentence about the failure of TLS `error`; `None` if it is another one.
pub(crate) fn sentence(error: &RedisError) -> Option<String> {
    cause(error).map(client_tls::sentence)
}

/// Returns the remedy for failures of this kind; `None` if it is not one of TLS. `{cli}` in it
/// stands for a `redis-cli` command.
pub(crate) fn remedy(kind: &str) -> Option<&'static str> {
    let known = REMEDIES.iter().find(|(name, _)| *name == kind);
    known.map(|(_, remedy)| *remedy)
}

/// Returns the error of TLS inside `error`, which the driver wraps in an `Arc`, by itself or within
/// an I/O error.
fn cause(error: &RedisError) -> Option<&rustls::Error> {
    let source = error.source()?;
    let wrapped = source.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    if let Some(tls) = wrapped.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    client_tls::within_io(wrapped.downcast_ref::<io::Error>()?)
}

#[cfg(test)]
mod tests {
    use bench_report::redaction;
    use rustls::{AlertDescription, CertificateError};

    use super::*;

    fn within_io(cause: rustls::Error) -> RedisError {
        io::Error::new(io::ErrorKind::InvalidData, cause).into()
    }

    #[test]
    fn a_failure_is_found_within_the_errors_of_the_driver_and_has_a_remedy() {
        for cause in [
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
            rustls::Error::InvalidCertificate(CertificateError::NotValidForName),
            rustls::Error::InvalidCertificate(CertificateError::Expired),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
            rustls::Error::AlertReceived(AlertDescription::UnknownCA),
            rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
            rustls::Error::HandshakeNotComplete,
        ] {
            let known = client_tls::kind(&cause);
            for error in [within_io(cause.clone()), RedisError::from(cause)] {
                assert_eq!(kind(&error), Some(known));
                assert!(sentence(&error).is_some());
            }
            let shown = format!("Try: {}", remedy(known).unwrap());
            assert_eq!(redaction::text(&shown), shown);
        }
        let reset = RedisError::from(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!((kind(&reset), sentence(&reset)), (None, None));
    }
}
