//! Name of a script or a function in the slow log, without the keys and values that it was called with.

use redis::Script;

/// End of an argument that the server cut off.
const CUT: &str = " more bytes)";

/// Number of digits of a script's SHA-1 that are kept: enough to find it, and too few for a secret.
const DIGITS: usize = 12;

/// Returns the name of the script that `command`, in lower case, calls with `first`, its first argument: the name of
/// a function, or the first 12 digits of the SHA-1 by which the server knows a script. `None` if the command
/// calls no script, or if the server cut its text off. The text itself may hold secrets of its application.
pub(super) fn script_name(command: &str, first: &str) -> Option<String> {
    match command {
        "fcall" | "fcall_ro" => Some(first.to_owned()),
        "evalsha" | "evalsha_ro" => Some(start_of(first)),
        "eval" | "eval_ro" => {
            let whole = !first.ends_with(CUT);
            whole.then(|| start_of(Script::new(first).get_hash()))
        }
        _ => None,
    }
}

fn start_of(digest: &str) -> String {
    digest.chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'return 1' | sha1sum` gives the expected one.
    #[test]
    fn a_script_is_named_by_its_digest_and_a_function_by_its_name() {
        let digest = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
        assert_eq!(script_name("eval", "return 1").unwrap(), &digest[..12]);
        assert_eq!(script_name("eval", "return 'a… (90 more bytes)"), None);
        assert_eq!(script_name("fcall", "take").unwrap(), "take");
        assert_eq!(script_name("evalsha", digest).unwrap(), &digest[..12]);
        assert_eq!(script_name("get", "user:ann"), None);
    }
}
