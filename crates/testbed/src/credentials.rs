//! Passwords of throwaway servers, and their escaping in addresses.

use std::fmt::Write as _;

use crate::TestbedError;

/// Returns a password of 128 random bits, as 32 hexadecimal digits.
pub(crate) fn random_password() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Checks that `text`, a password or setting of `server`, is one line, because servers read their
/// files line by line. Fails with [`TestbedError::Start`] if it contains a line break or NUL.
pub(crate) fn one_line(server: &'static str, text: &str) -> Result<(), TestbedError> {
    if text.contains(['\n', '\r', '\0']) {
        let reason = "passwords and settings must be one line each".to_owned();
        return Err(TestbedError::Start {
            server,
            reason,
            log: String::new(),
        });
    }
    Ok(())
}

/// Escapes `text` for the user information of an address: each byte of a character other than the
/// unreserved ones of RFC 3986 becomes `%` and two hexadecimal digits.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_of_reserved_characters_survives_the_address() {
        assert_eq!(escaped("a/b@c:d e~ü"), "a%2Fb%40c%3Ad%20e~%C3%BC");
    }

    #[test]
    fn no_two_passwords_are_alike() {
        assert_ne!(random_password(), random_password());
    }
}
