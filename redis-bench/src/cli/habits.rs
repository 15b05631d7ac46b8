//! Flags of other Redis tools that would be misunderstood here. They are refused with what to write
//! instead. A password among them is never shown.

use std::ffi::OsString;

use bench_cli::UsageError;

/// Flags of other tools for the password, of which the last one takes user and password.
const PASSWORD_FLAGS: [&str; 2] = ["--pass", "--authenticate"];

/// Refuses `-a PASSWORD` and `-h HOST` among `words`, the words after the program's name.
///
/// # Errors
/// Fails with a sentence that says where to write password or host.
pub(crate) fn check(words: impl IntoIterator<Item = OsString>) -> Result<(), UsageError> {
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
mod tests {
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
