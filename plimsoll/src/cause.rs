//! What a tool that failed gave as the cause.

use std::path::Path;

use bench_report::redaction;

/// What a tool gave as the cause of its end: its error with what to do about it, or else the last
/// that it said. A log may hold what a server said, so that no secret of it is shown.
pub fn of(log: &Path, tool: &str) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let error = lines
        .iter()
        .rposition(|line| line.starts_with(&format!("{tool}: ")));
    let said = match error {
        Some(first) => lines[first..].join(" "),
        None => lines.last().unwrap_or(&"it said nothing").to_string(),
    };
    redaction::text(&said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(log: &str) -> String {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("redis-bench.cache.log");
        std::fs::write(&path, log).unwrap();
        of(&path, "redis-bench")
    }

    #[test]
    fn the_error_is_told_with_what_to_do_and_without_its_secret() {
        let log = "phase: connect\nredis-bench: cannot connect to redis://:hunter2@h (refused).\n\
                   Try: redis-cli -h h ping\n";
        assert_eq!(
            said(log),
            "redis-bench: cannot connect to redis://:***@h (refused). Try: redis-cli -h h ping"
        );
    }

    #[test]
    fn a_tool_without_an_error_is_told_by_the_last_that_it_said() {
        assert_eq!(said("phase: start\nphase: measure\n\n"), "phase: measure");
        assert_eq!(said(""), "it said nothing");
    }
}
