//! Id of a run, which all reports of the run have, and names of the data that it creates.

use std::time::SystemTime;

use rand::RngExt as _;

/// Environment variable with which a suite of programs passes the id of the run to the programs
/// that it starts.
pub const RUN_ID_ENV: &str = "PLIMSOLL_RUN_ID";

/// Returns a name for the data that this process creates on a server in the run `run_id`. Without
/// a suite it is the id. If a suite started the process, the process id is added: other processes
/// of the same run must not use the same schema or keys.
pub fn own_name(run_id: &str) -> String {
    match std::env::var_os(RUN_ID_ENV) {
        Some(_) => format!("{run_id}-{}", std::process::id()),
        None => run_id.to_owned(),
    }
}

/// Returns the id of the run to which this process belongs: that of the suite that started it,
/// from the environment, or a new one if there is none or it is not 1 to 40 ASCII letters, digits
/// and hyphens.
pub fn run_id() -> String {
    let plain = |id: &String| {
        (1..=40).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    std::env::var(RUN_ID_ENV)
        .ok()
        .filter(plain)
        .unwrap_or_else(new_run_id)
}

/// Creates the id of a run that starts now: UTC date and time, and four random hex digits, such as
/// `20260314-091500-7f3a`. It can be part of the name of a directory, a schema (with `_` for `-`)
/// or a key.
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
