//! Commands as a user types them into a shell.

use std::fmt;

use crate::PROGRAMS;

/// Address, host and port, at which no program listens.
const NOBODY: &str = "127.0.0.1:1";

/// Command line of one of the programs, as printed in a document or help text.
#[derive(Debug, Clone)]
pub(crate) struct ShellCommand {
    /// Document or help text that contains the command.
    pub(crate) place: String,
    /// Name of the program that the command runs.
    pub(crate) program: &'static str,
    /// Text of the command: the program and its arguments, after assignments of environment
    /// variables if there are any.
    pub(crate) line: String,
}

impl fmt::Display for ShellCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.line)
    }
}

impl ShellCommand {
    /// Reads a line that runs one of the programs, also over `ssh -t db` or in a process
    /// substitution. The explanation beside it in a help text, a comment, and a pipe for its output
    /// are left out. `None` if the line runs another program, or has no subcommand after the
    /// program.
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

    /// Returns the command for a shell, with addresses in URLs replaced by one at which no program
    /// listens, and the value of `--start-at` by the variable `$T`.
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

/// Returns the word with host and port in a server's URL replaced by an address at which no program
/// listens; the user name remains. A word without such a URL is returned unchanged.
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

/// Returns the text with each line that ends with a backslash joined to the next line, and without
/// that backslash.
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
