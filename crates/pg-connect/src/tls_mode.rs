//! Values of `sslmode`. Source: PostgreSQL manual, chapter *libpq*, *SSL Mode Descriptions*.

/// Value of `sslmode`, from the least demanding to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS only where the server insists.
    Allow,
    /// TLS where the server has it; its certificate is not checked.
    Prefer,
    /// TLS, or no connection; its certificate is not checked.
    Require,
    /// TLS, and the server's certificate comes from a trusted authority.
    VerifyCa,
    /// TLS, and the server's certificate comes from a trusted authority and is for the name of the host.
    VerifyFull,
}

impl TlsMode {
    /// Parses a value of `sslmode`.
    ///
    /// # Errors
    /// Fails with a sentence that names all values.
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
