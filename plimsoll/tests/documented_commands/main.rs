//! Tests that run every command in help texts and documents exactly as printed there, on a machine
//! without servers. Flags that contradict each other, or that no longer exist, are refused before a
//! server is contacted, so a command may fail only because its server is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod documents;
mod help;
mod setting;
mod shell_command;

use std::process::Command;
use std::sync::Mutex;

use shell_command::ShellCommand;

/// Names of the programs of the toolkit.
const PROGRAMS: [&str; 6] = [
    "db-pool-bench",
    "redis-bench",
    "ws-bench",
    "sysmon",
    "bottleneck-analyzer",
    "plimsoll",
];
/// Number of commands that run at the same time; most of their time is the start of a process.
const LANES: usize = 4;

/// Runs `commands`, several at a time. Panics with a list of all those that were refused.
fn assert_accepted(commands: Vec<ShellCommand>) {
    let left = Mutex::new(commands.into_iter());
    let refused = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let Some(command) = left.lock().unwrap().next() else {
                        return;
                    };
                    if let Err(why) = setting::run(&command) {
                        refused.lock().unwrap().push(format!("{command}:\n{why}"));
                    }
                }
            });
        }
    });
    let refused = refused.into_inner().unwrap();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn flags_that_contradict_each_other_are_noticed() {
    for (line, why) in [
        (
            "redis-bench pool --client multiplexed --workers 2",
            "cannot share 1 connection",
        ),
        ("ws-bench limit --users 100", "--talkers"),
        ("sysmon record --interval 1ms", "10ms is the shortest"),
    ] {
        let command = ShellCommand::read("a help text", line).unwrap();
        let refused = setting::run(&command).unwrap_err();
        assert!(refused.contains(why), "{line}: {refused}");
    }
}

#[test]
fn every_example_of_every_help_text_is_accepted() {
    let examples = help::examples();
    for program in PROGRAMS {
        let own = examples.iter().filter(|one| one.program == program);
        assert!(
            own.count() >= 2,
            "{program} shows no examples: {examples:?}"
        );
    }
    assert_accepted(examples);
}

#[test]
fn every_command_of_the_documents_is_accepted() {
    let commands = documents::commands();
    for document in ["README.md", "docs/changing-load.md", "docs/workloads.md"] {
        let shown = commands.iter().any(|one| one.place.starts_with(document));
        assert!(shown, "{document} shows no command");
    }
    assert_accepted(commands);
}

#[test]
fn every_make_target_of_the_documents_exists() {
    let targets = documents::make_targets();
    assert!(targets.len() >= 6, "{targets:?}");
    for (place, words) in targets {
        let mut make = Command::new("make");
        let output = make
            .arg("-n")
            .args(words.split_whitespace())
            .current_dir(documents::root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{place}: make {words}: {output:?}");
    }
}
