//! Failures of TLS: their kinds, sentences and remedies.

use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::RedisError;
use rustls::{AlertDescription, CertificateError};

/// Kind of the failure of a server that does not speak TLS on its port.
pub(crate) const PLAIN_SERVER: &str = "tls.plain_server";
/// Kind of the failure of a server that wants a certificate of its clients.
pub(crate) const WANTS_CERTIFICATE: &str = "tls.client_certificate";

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
    Some(match cause(error)? {
        rustls::Error::InvalidCertificate(fault) => match fault {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => "tls.unknown_ca",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "tls.wrong_name"
            }
            _ => "tls.certificate",
        },
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => WANTS_CERTIFICATE,
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError,
        ) => "tls.client_refused",
        rustls::Error::InvalidMessage(_) => PLAIN_SERVER,
        _ => "tls",
    })
}

/// Returns a sentence about the failure of TLS `error`; `None` if it is another one.
pub(crate) fn sentence(error: &RedisError) -> Option<String> {
    let cause = cause(error)?;
    Some(match kind(error)? {
        "tls.unknown_ca" => {
            "the server's certificate was not issued by an authority that is trusted".to_owned()
        }
        "tls.wrong_name" => wrong_name(cause),
        "tls.certificate" => format!("the server's certificate cannot be accepted: {cause}"),
        WANTS_CERTIFICATE => "the server wants a certificate of the client".to_owned(),
        "tls.client_refused" => {
            format!("the server did not accept the client's certificate: {cause}")
        }
        PLAIN_SERVER => plain_server(),
        _ => format!("TLS failed: {cause}"),
    })
}

/// Returns the sentence about a server that does not speak TLS.
pub(crate) fn plain_server() -> String {
    "the server does not speak TLS on this port".to_owned()
}

/// Returns the remedy for failures of this kind; `None` if it is not one of TLS. `{cli}` in it
/// stands for a `redis-cli` command.
pub(crate) fn remedy(kind: &str) -> Option<&'static str> {
    let known = REMEDIES.iter().find(|(name, _)| *name == kind);
    known.map(|(_, remedy)| *remedy)
}

/// Returns the sentence about a certificate for another host, with the names that the certificate
/// has.
fn wrong_name(cause: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
        expected,
        presented,
    }) = cause
    else {
        return "the server's certificate is for another host".to_owned();
    };
    let wanted = expected.to_str();
    if presented.is_empty() {
        return format!("the server's certificate names no host, and so not {wanted}");
    }
    // The names are written as `DnsName("localhost")`.
    let names = presented.iter().map(|name| {
        let quoted = name.split('"').nth(1);
        quoted.unwrap_or(name)
    });
    let names: Vec<&str> = names.collect();
    format!(
        "the server's certificate is for {}, not for {wanted}",
        names.join(", ")
    )
}

/// Returns the error of TLS inside `error`, which the driver wraps in an `Arc`, by itself or within
/// an I/O error.
fn cause(error: &RedisError) -> Option<&rustls::Error> {
    let source = error.source()?;
    let wrapped = source.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    if let Some(tls) = wrapped.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    let inside = wrapped.downcast_ref::<io::Error>()?.get_ref()?;
    inside.downcast_ref::<rustls::Error>()
}

#[cfg(test)]
mod tests {
    use bench_report::redaction;

    use super::*;

    fn within_io(cause: rustls::Error) -> RedisError {
        io::Error::new(io::ErrorKind::InvalidData, cause).into()
    }

    #[test]
    fn each_cause_has_its_kind_sentence_and_remedy() {
        let certificate = |fault| rustls::Error::InvalidCertificate(fault);
        for (cause, kind, part) in [
            (
                certificate(CertificateError::UnknownIssuer),
                "tls.unknown_ca",
                "not issued by an authority",
            ),
            (
                certificate(CertificateError::NotValidForName),
                "tls.wrong_name",
                "for another host",
            ),
            (
                certificate(CertificateError::Expired),
                "tls.certificate",
                "cannot be accepted",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                "tls.client_certificate",
                "wants a certificate",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::UnknownCA),
                "tls.client_refused",
                "UnknownCA",
            ),
            (
                rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                "tls.plain_server",
                "does not speak TLS",
            ),
            (
                rustls::Error::HandshakeNotComplete,
                "tls",
                "TLS failed: handshake",
            ),
        ] {
            for error in [within_io(cause.clone()), RedisError::from(cause)] {
                assert_eq!(super::kind(&error), Some(kind));
                let said = sentence(&error).unwrap();
                assert!(said.contains(part), "{said}");
            }
            let shown = format!("Try: {}", remedy(kind).unwrap());
            assert_eq!(redaction::text(&shown), shown);
        }
        let reset = RedisError::from(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!((super::kind(&reset), sentence(&reset)), (None, None));
    }
}
