//! Knowledge of wait events and of failures, as data: causes, proofs and remedies.

pub(crate) mod codes;
pub(crate) mod events;

/// Returns true if `name` is meant by `pattern`, whose ending `*` stands for any rest.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}
