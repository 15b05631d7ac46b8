//! TLS settings of a client from PEM files, and the kinds of failures of TLS.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod any_certificate;
mod settings;
mod tls_failure;

pub use settings::{ClientTls, TlsFileError, TlsFiles};
pub use tls_failure::{PLAIN_SERVER, WANTS_CERTIFICATE, kind, plain_server, sentence, within_io};
