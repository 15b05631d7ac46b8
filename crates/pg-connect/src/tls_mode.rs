//! Values of `sslmode`. Source: PostgreSQL manual, chapter *libpq*, *SSL Mode Descriptions*.

/// Value of `sslmode`, from the least demanding to the most demanding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS only if the server insists.
    Allow,
    /// TLS if the server supports it; its certificate is not checked.
    Prefer,
    /// TLS or no connection; the certificate is not checked.
    Require,
    /// TLS, with a certificate from a trusted authority.
    VerifyCa,
    /// TLS, with a certificate from a trusted authority for the name of the host.
    VerifyFull,
}

impl TlsMode {
    /// Parses a value of `sslmode`.
    ///
    /// # Errors
    /// Fails with a message that lists all values.
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
