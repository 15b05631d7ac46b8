//! Cause of a tool's failure, read from the tool's log file.

use std::path::Path;

use bench_report::redaction;

/// Length of the longest cause that is shown, in characters; the log file has all of it.
const MAX_CHARS: usize = 800;

/// Returns the cause of failure that `tool` wrote into its file `log`: the text from its last error
/// message on, which includes the remedy, or else the last line. Secrets are masked, because a log
/// may contain messages of a server. Long causes are shortened in the middle. A log that is empty
/// or unreadable gives a sentence to that effect.
pub(crate) fn from_log(log: &Path, tool: &str) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let error = lines
        .iter()
        .rposition(|line| line.starts_with(&format!("{tool}: ")));
    let said = match (error, lines.last()) {
        (Some(first), _) => lines[first..].join(" "),
        (None, Some(last)) => format!("it gave no cause; the last it said was: {last}"),
        (None, None) => "it said nothing".to_owned(),
    };
    shortened(&redaction::text(&said))
}

/// Shortens a cause of more than 800 characters to its first and last 400, because the end contains
/// the remedy.
fn shortened(said: &str) -> String {
    let letters: Vec<char> = said.chars().collect();
    if letters.len() <= MAX_CHARS {
        return said.to_owned();
    }
    let text = |part: &[char]| part.iter().collect::<String>();
    let half = MAX_CHARS / 2;
    let (head, tail) = (&letters[..half], &letters[letters.len() - half..]);
    format!("{} … {}", text(head), text(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(log: &str) -> String {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("redis-bench.cache.log");
        std::fs::write(&path, log).unwrap();
        from_log(&path, "redis-bench")
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
        assert_eq!(
            said("phase: start\nphase: measure\n\n"),
            "it gave no cause; the last it said was: phase: measure"
        );
        assert_eq!(said(""), "it said nothing");
    }

    #[test]
    fn an_endless_cause_keeps_its_beginning_and_what_to_do() {
        let log = format!(
            "redis-bench: refused: {}.\nTry: another server\n",
            "no ".repeat(9_000)
        );
        let said = said(&log);
        assert!(said.chars().count() < 1_000, "{said}");
        assert!(
            said.starts_with("redis-bench: refused") && said.ends_with("Try: another server"),
            "{said}"
        );
    }
}
