//! Password of a login, which is never shown.

/// Password of a login, never empty. Its `Debug` output is a mask, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

/// Text that is shown in place of a password or another secret.
pub(crate) const MASK: &str = "***";

impl Password {
    /// Creates a password; `None` if it is empty, which libpq treats as no password.
    pub(crate) fn new(password: String) -> Option<Self> {
        (!password.is_empty()).then_some(Self(password))
    }

    /// Returns the password in clear text, for a driver.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let password = Password::new("hunter2".to_owned()).unwrap();
        assert_eq!(format!("{password:?}"), "***");
        assert_eq!(password.expose(), "hunter2");
        assert_eq!(Password::new(String::new()), None);
    }
}
