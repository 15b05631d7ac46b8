//! Reference tokens of JSON pointers (RFC 6901).

/// Escapes a key for use as a reference token: `~` and `/` become `~0` and `~1`.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Restores the key that a reference token was made from.
pub(crate) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
