//! Reference tokens of JSON pointers (RFC 6901).

/// Escapes a key for use as a reference token of a JSON pointer: `~` becomes `~0`, and `/` becomes
/// `~1`.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Restores the key that a reference token of a JSON pointer was made from: `~1` becomes `/`, and
/// `~0` becomes `~`.
pub(crate) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
