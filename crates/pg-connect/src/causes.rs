//! Causes of errors of drivers, which wrap them, and not always as a source.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

/// Formats an error and its causes on one line, separated by `: `. A cause whose text is already
/// contained is left out.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            let _ = write!(text, ": {message}");
        }
        cause = error.source();
    }
    text
}

/// Returns the first cause of `error` that has type `E`, also one inside an [`io::Error`]; `error`
/// itself is not examined. `None` if there is none.
pub fn find_cause<E: Error + 'static>(error: &dyn Error) -> Option<&E> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inside = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = inside.and_then(|inside| inside.downcast_ref::<E>()) {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// Returns true if TLS is the cause of `error`, such as a failed handshake or a refused
/// certificate.
pub fn is_tls_error(error: &dyn Error) -> bool {
    find_cause::<rustls::Error>(error).is_some()
        || error.to_string().starts_with("error performing TLS")
}

/// Returns a sentence on why the server's certificate was refused, in terms of `sslmode`; `None` if
/// `error` has another cause, or a rarer fault of the certificate.
pub fn certificate_problem(error: &dyn Error) -> Option<&'static str> {
    use rustls::CertificateError as Problem;
    let Some(rustls::Error::InvalidCertificate(problem)) = find_cause(error) else {
        return None;
    };
    Some(match problem {
        Problem::NotValidForName | Problem::NotValidForNameContext { .. } => {
            "the server's certificate is for another name, which sslmode=verify-full refuses"
        }
        Problem::UnknownIssuer | Problem::BadSignature => {
            "the server's certificate was not issued by an authority in sslrootcert"
        }
        Problem::Expired | Problem::ExpiredContext { .. } => "the server's certificate has expired",
        Problem::NotValidYet | Problem::NotValidYetContext { .. } => {
            "the server's certificate does not hold yet"
        }
        _ => return None,
    })
}
