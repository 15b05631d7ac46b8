//! Values of the parameter `sslmode`. Source: PostgreSQL manual, chapter *libpq*, *SSL Mode
//! Descriptions*.

/// Value of the parameter `sslmode`, ordered from the least demanding to the most demanding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsMode {
    /// No TLS (`disable`).
    Disable,
    /// TLS only if the server refuses connections without it (`allow`).
    Allow,
    /// TLS if possible; without TLS if the server does not support it, if TLS fails, or if the server
    /// refuses the login with TLS. The certificate is not checked (`prefer`).
    Prefer,
    /// TLS or no connection; the certificate is not checked (`require`).
    Require,
    /// TLS, with a certificate from a trusted authority for any host (`verify-ca`).
    VerifyCa,
    /// TLS, with a certificate from a trusted authority for the name of the host (`verify-full`).
    VerifyFull,
}

impl TlsMode {
    /// Parses a value of `sslmode`.
    ///
    /// # Errors
    /// Returns a message that lists all values.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                return Err(format!(
                    "sslmode={text} is none of disable, allow, prefer, require, verify-ca and verify-full"
                ));
            }
        })
    }
}
