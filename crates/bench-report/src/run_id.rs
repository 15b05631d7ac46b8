//! Name of a run, which all reports of the run bear.

use std::time::SystemTime;

use rand::RngExt as _;

/// The environment variable by which a suite names the run to the tools that it starts.
pub const RUN_ID_ENV: &str = "PLIMSOLL_RUN_ID";

/// The name of what this process makes on a server for the run `run_id`. A starter may have started
/// several of its kind at once, which share the run and must not share a schema or keys.
pub fn own_name(run_id: &str) -> String {
    match std::env::var_os(RUN_ID_ENV) {
        Some(_) => format!("{run_id}-{}", std::process::id()),
        None => run_id.to_owned(),
    }
}

/// The run that this process belongs to: the suite's that started it, else one of its own.
pub fn run_id() -> String {
    let plain = |id: &String| {
        (1..=40).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    std::env::var(RUN_ID_ENV)
        .ok()
        .filter(plain)
        .unwrap_or_else(new_run_id)
}

/// A name for a run that starts now: UTC time and four random hex digits, as in
/// `20260314-091500-7f3a`. Fit for a directory, a schema and a key prefix (with `-` as `_`).
pub fn new_run_id() -> String {
    let stamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let digits: String = stamp.chars().filter(char::is_ascii_digit).collect();
    let (date, time) = digits.split_at(digits.len().min(8));
    let salt: u16 = rand::rng().random();
    format!("{date}-{time}-{salt:04x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_is_a_plain_name() {
        let id = new_run_id();
        assert_eq!(id.len(), "20260314-091500-7f3a".len());
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
        assert_ne!(id, new_run_id());
    }
}
