//! Shell commands in the examples of help texts.

use test_support::TestDirectory;

use crate::PROGRAMS;
use crate::common;
use crate::shell_command::{ShellCommand, joined};

/// Program and command for each command that no help text lists, but whose own help has examples.
const HIDDEN: [(&str, &str); 2] = [("db-pool-bench", "check"), ("redis-bench", "check")];

/// Returns the examples in the help texts of all programs and of all their subcommands.
pub(crate) fn examples() -> Vec<ShellCommand> {
    let place = TestDirectory::new();
    let mut all = Vec::new();
    for program in PROGRAMS {
        collect(&place, program, &mut Vec::new(), &mut all);
    }
    for (program, command) in HIDDEN {
        collect(&place, program, &mut vec![command.to_owned()], &mut all);
    }
    all
}

/// Adds to `all` the examples in the help of the command `path` of `program`, and of its
/// subcommands. `path` is unchanged at the end.
fn collect(
    place: &TestDirectory,
    program: &str,
    path: &mut Vec<String>,
    all: &mut Vec<ShellCommand>,
) {
    let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
    words.push("--help");
    let mut command = common::tool(place, program, &words);
    // No line is broken.
    let output = command.env("COLUMNS", "1000").output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    let told = format!("{program} {}", words.join(" "));
    if let Some((_, examples)) = help.split_once("\nExample") {
        // Deeper lines explain the example above them.
        let examples = joined(examples);
        let lines = examples.lines().filter(|line| !line.starts_with("   "));
        all.extend(lines.filter_map(|line| ShellCommand::read(&told, line)));
    }
    for below in commands(&help) {
        path.push(below);
        collect(place, program, path, all);
        path.pop();
    }
}

/// Returns the names of the subcommands that a help text lists, except `help`.
fn commands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let entries = list.lines().take_while(|line| !line.is_empty());
    let names = entries.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}
