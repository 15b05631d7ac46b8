//! Commands as somebody types them.

use std::fmt;

use crate::PROGRAMS;

/// Address at which nothing listens.
const NOBODY: &str = "127.0.0.1:1";

/// Command of one of the programs, as a shell takes it.
#[derive(Debug, Clone)]
pub(crate) struct ShellCommand {
    /// Document or help text that shows it.
    pub(crate) place: String,
    /// Program that it runs.
    pub(crate) program: &'static str,
    /// Program and arguments, after variables that are set for it.
    pub(crate) line: String,
}

impl fmt::Display for ShellCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.line)
    }
}

impl ShellCommand {
    /// Reads a line that runs one of the programs, be it on another host or in a process
    /// substitution; `None` where it runs something else. What stands beside it in a help text, and
    /// what its output is piped into, is left out.
    pub(crate) fn read(place: &str, line: &str) -> Option<Self> {
        let line = line.trim();
        let line = line.strip_prefix("ssh -t db ").unwrap_or(line);
        let inner = line
            .split_once("<(")
            .and_then(|(_, rest)| rest.split_once(')'));
        let line = inner.map_or(line, |(inner, _)| inner);
        let ends = ["   ", " #", " | "].map(|end| line.find(end));
        let end = ends.into_iter().flatten().min().unwrap_or(line.len());
        let line = line[..end].trim();
        let mut words = line.split_whitespace();
        let first = words.find(|word| !is_assignment(word))?;
        let program = *PROGRAMS.iter().find(|program| **program == first)?;
        // A title begins with a program's name as well.
        let command = words.next()?;
        let is_command = command.starts_with(|c: char| c.is_ascii_lowercase());
        is_command.then(|| Self {
            place: place.to_owned(),
            program,
            line: line.to_owned(),
        })
    }

    /// Returns the line for a shell, with nobody at the addresses that it names, and a start at the
    /// instant `$T`.
    pub(crate) fn script(&self) -> String {
        let words = self.line.split(' ').map(without_server);
        let mut words: Vec<String> = words.collect();
        for at in 1..words.len() {
            if words[at - 1] == "--start-at" {
                "$T".clone_into(&mut words[at]);
            }
        }
        format!("exec env {}", words.join(" "))
    }
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

/// Returns the word with the address in a server's URL replaced by one at which nothing listens.
fn without_server(word: &str) -> String {
    for scheme in ["postgres://", "redis://", "ws://"] {
        let Some((before, rest)) = word.split_once(scheme) else {
            continue;
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let user = authority
            .split_once('@')
            .map(|(user, _)| format!("{user}@"));
        let user = user.unwrap_or_default();
        return format!("{before}{scheme}{user}{NOBODY}{path}");
    }
    word.to_owned()
}

/// Joins lines that end with a backslash with the one after.
pub(crate) fn joined(text: &str) -> String {
    let mut whole = String::new();
    for line in text.lines() {
        match line.strip_suffix('\\') {
            Some(part) => whole.push_str(part),
            None => whole.extend([line, "\n"]),
        }
    }
    whole
}

#[test]
fn a_line_is_read_without_what_stands_beside_it() {
    for (line, read) in [
        ("  sysmon watch          live", "sysmon watch"),
        ("  ssh -t db sysmon watch", "sysmon watch"),
        ("ws-bench generate man | man -l -", "ws-bench generate man"),
        ("source <(plimsoll generate bash)", "plimsoll generate bash"),
        (
            "A_URL=x redis-bench cache # once",
            "A_URL=x redis-bench cache",
        ),
    ] {
        assert_eq!(ShellCommand::read("", line).unwrap().line, read);
    }
    for line in ["make test", "sysmon · db-7", "redis-bench: no", ""] {
        assert!(ShellCommand::read("", line).is_none(), "{line}");
    }
}

#[test]
fn nobody_is_at_the_addresses_of_a_script() {
    let line = "REDIS_URL=redis://app@cache:6379/ redis-bench cache --worker 0/2 --start-at 2026-03-14T09:15:00Z";
    let command = ShellCommand::read("", line).unwrap();
    assert_eq!(
        command.script(),
        "exec env REDIS_URL=redis://app@127.0.0.1:1/ redis-bench cache --worker 0/2 --start-at $T"
    );
}
