//! Flags of redis-benchmark and memtier. They are replaced by those of this program with the same
//! meaning before the command line is parsed; what cannot be honoured is refused with what to write
//! instead. A password among them is never shown.

mod foreign_flags;
mod own_flags;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use bench_cli::UsageError;
use clap::{Command, CommandFactory as _};

use self::own_flags::{Given, OwnFlag};
use crate::cli::RedisBenchCli;

/// Flags of other tools for the password, of which the last one takes user and password.
const PASSWORD_FLAGS: [&str; 2] = ["--pass", "--authenticate"];

/// Returns `words`, the words after the program's name, with flags of this program in place of those
/// of other tools. `has_url` says that the environment names a server.
///
/// # Errors
/// Fails with a sentence about the first flag that cannot be honoured, with what to write instead.
pub(crate) fn translated(words: Vec<OsString>, has_url: bool) -> Result<Vec<OsString>, UsageError> {
    check(words.clone())?;
    let text: Option<Vec<String>> = words
        .iter()
        .map(|word| word.to_str().map(str::to_owned))
        .collect();
    let command = RedisBenchCli::command();
    let scenario = text.as_ref().and_then(|text| scenario(&command, text));
    let (Some(text), Some(scenario)) = (text, scenario) else {
        // Such a word is a file's name, which belongs to a flag of this program.
        return Ok(words);
    };
    // A scenario's own flag comes first, as --requests of a replay.
    let is_own = |name: &str| {
        let mut arguments = scenario.get_arguments();
        arguments.any(|one| match name.strip_prefix("--") {
            Some(long) => one.get_long() == Some(long),
            None => one.get_short() == name.chars().nth(1),
        })
    };
    let (given, mut kept) = foreign_flags::split(text, is_own).map_err(UsageError)?;
    if given.is_empty() {
        return Ok(words);
    }
    let has = |flag: &str| {
        let mut arguments = scenario.get_arguments();
        arguments.any(|one| one.get_long() == flag.strip_prefix("--"))
    };
    let given = Given {
        flags: &given,
        has: &has,
    };
    let own = given.own().map_err(UsageError)?;
    for (index, flag) in own.iter().enumerate() {
        let name = scenario.get_name();
        if !has(flag.name) {
            return Err(UsageError(format!(
                "{} is {} here, which redis-bench {name} does not have; leave it out",
                flag.for_flag, flag.name
            )));
        }
        if let Some(other) = contradiction(flag, &own[..index], &kept, has_url) {
            return Err(UsageError(format!(
                "{} is {} here, and {other} gives that too; leave one of the two out",
                flag.for_flag, flag.name
            )));
        }
    }
    let flags = own
        .into_iter()
        .map(|flag| format!("{}={}", flag.name, flag.value));
    let at = kept
        .iter()
        .position(|word| word == "--")
        .unwrap_or(kept.len());
    kept.splice(at..at, flags);
    Ok(kept.into_iter().map(OsString::from).collect())
}

/// Returns the scenario that `words` name.
fn scenario<'a>(command: &'a Command, words: &[String]) -> Option<&'a Command> {
    words.iter().find_map(|word| command.find_subcommand(word))
}

/// Returns what gives the same as `flag`: another flag of another tool, the flag itself, or the
/// environment.
fn contradiction(
    flag: &OwnFlag,
    before: &[OwnFlag],
    kept: &[String],
    has_url: bool,
) -> Option<String> {
    let mut same = before.iter().filter(|other| other.name == flag.name);
    if let Some(other) = same.next() {
        return Some(other.for_flag.clone());
    }
    let is_given = |word: &String| word.split('=').next() == Some(flag.name);
    if kept.iter().any(is_given) {
        return Some(flag.name.to_owned());
    }
    (flag.name == "--url" && has_url).then(|| "REDIS_URL".to_owned())
}

/// Refuses `-a PASSWORD` and `-h HOST` among `words`, the words after the program's name.
///
/// # Errors
/// Fails with a sentence that says where to write password or host.
fn check(words: impl IntoIterator<Item = OsString>) -> Result<(), UsageError> {
    let words = words
        .into_iter()
        .map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = words.take_while(|word| word != "--").collect();
    if words.iter().any(|word| is_password_flag(word)) {
        return Err(UsageError(
            "every user of the machine can read a password on the command line; leave it out \
             there, and set REDISCLI_AUTH to it, as for redis-cli"
                .to_owned(),
        ));
    }
    if is_host_given(&words) {
        return Err(UsageError(
            "-h is the help, not the host; write --url redis://HOST:PORT/, or set REDIS_URL"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Returns true for `-a`, also with the password attached, and for the long flags for a password.
fn is_password_flag(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default();
    word.starts_with("-a") || PASSWORD_FLAGS.contains(&name)
}

/// Returns true if `-h` is followed by a host or has one attached. Before the subcommand, it may be
/// followed by the subcommand's name.
fn is_host_given(words: &[String]) -> bool {
    let is_host = |word: &String| !word.starts_with('-');
    words.iter().enumerate().any(|(index, word)| {
        let is_attached = word.starts_with("-h") && word.len() > 2;
        let is_next = index > 0 && word == "-h" && words.get(index + 1).is_some_and(is_host);
        is_attached || is_next
    })
}

#[cfg(test)]
mod refusal_tests {
    use bench_report::redaction;

    use super::*;

    fn said(words: &str) -> Option<String> {
        let words = words.split_whitespace().map(OsString::from);
        check(words).err().map(|UsageError(said)| said)
    }

    #[test]
    fn a_password_on_the_command_line_is_refused_and_not_shown() {
        for words in [
            "pool -a hunter2",
            "-a hunter2 pool",
            "cache --keys 10 -ahunter2",
            "pool --pass hunter2",
            "pool --pass=hunter2",
            "pool --authenticate=app:hunter2",
            "pool -h cache -a hunter2",
        ] {
            let said = said(words).unwrap_or_else(|| panic!("{words} is accepted"));
            assert!(said.contains("REDISCLI_AUTH"), "{words}: {said}");
            assert!(!said.contains("hunter2"), "{words}: {said}");
            assert_eq!(redaction::text(&said), said);
        }
    }

    #[test]
    fn a_host_after_h_is_refused_and_h_alone_is_the_help() {
        for words in ["pool -h cache", "pool -hcache", "cache -q -h 127.0.0.1"] {
            let said = said(words).unwrap_or_else(|| panic!("{words} is accepted"));
            assert!(said.contains("redis://HOST:PORT/"), "{words}: {said}");
        }
        for words in [
            "",
            "-h",
            "pool -h",
            "pool -h -q",
            "-h pool",
            "pool -q -- -a x -h y",
        ] {
            assert_eq!(said(words), None, "{words}");
        }
    }
}
