//! Catalogues of wait events and of failures, kept as TOML data: causes, confirmations and actions.

pub(crate) mod codes;
pub(crate) mod events;

/// Returns true if `pattern` matches all of `name`; a `*` at the end of `pattern` stands for any
/// text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}
