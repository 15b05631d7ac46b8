//! Failures of TLS: their kinds and sentences.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Kind of the failure of a server that does not speak TLS on its port.
pub const PLAIN_SERVER: &str = "tls.plain_server";
/// Kind of the failure of a server that wants a certificate of its clients.
pub const WANTS_CERTIFICATE: &str = "tls.client_certificate";

/// Returns the kind of a failure: `tls.unknown_ca`, `tls.wrong_name`, `tls.certificate` for another
/// fault in the server's certificate, [`WANTS_CERTIFICATE`], `tls.client_refused`, [`PLAIN_SERVER`],
/// or `tls` for all others.
pub fn kind(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(fault) => match fault {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => "tls.unknown_ca",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "tls.wrong_name"
            }
            _ => "tls.certificate",
        },
        Error::AlertReceived(AlertDescription::CertificateRequired) => WANTS_CERTIFICATE,
        Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError,
        ) => "tls.client_refused",
        Error::InvalidMessage(_) => PLAIN_SERVER,
        _ => "tls",
    }
}

/// Returns a sentence without a full stop about a failure.
pub fn sentence(error: &Error) -> String {
    match kind(error) {
        "tls.unknown_ca" => {
            "the server's certificate was not issued by an authority that is trusted".to_owned()
        }
        "tls.wrong_name" => wrong_name(error),
        "tls.certificate" => format!("the server's certificate cannot be accepted: {error}"),
        WANTS_CERTIFICATE => "the server wants a certificate of the client".to_owned(),
        "tls.client_refused" => {
            format!("the server did not accept the client's certificate: {error}")
        }
        PLAIN_SERVER => plain_server(),
        _ => format!("TLS failed: {error}"),
    }
}

/// Returns the sentence about a server that does not speak TLS.
pub fn plain_server() -> String {
    "the server does not speak TLS on this port".to_owned()
}

/// Returns the error of TLS inside an I/O error; `None` if there is none.
pub fn within_io(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

/// Returns the sentence about a certificate for another host, with the names that the certificate
/// has.
fn wrong_name(error: &Error) -> String {
    let Error::InvalidCertificate(CertificateError::NotValidForNameContext {
        expected,
        presented,
    }) = error
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_kind_and_sentence() {
        let certificate = Error::InvalidCertificate;
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
                Error::AlertReceived(AlertDescription::CertificateRequired),
                "tls.client_certificate",
                "wants a certificate",
            ),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "tls.client_refused",
                "UnknownCA",
            ),
            (
                Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                "tls.plain_server",
                "does not speak TLS",
            ),
            (Error::HandshakeNotComplete, "tls", "TLS failed: handshake"),
        ] {
            let wrapped = io::Error::new(io::ErrorKind::InvalidData, cause);
            let cause = within_io(&wrapped).unwrap();
            assert_eq!(super::kind(cause), kind);
            let said = sentence(cause);
            assert!(said.contains(part), "{said}");
        }
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(within_io(&reset).is_none());
    }
}
