//! Name of a script or a function in the slow log, without the keys and values that it was called with.

/// Largest number of characters of a script's first line that are kept.
const LONGEST: usize = 80;

/// Returns the name of the script that `command`, in lower case, calls with `first`, its first argument: the name of
/// a function, the SHA-1 of a script that the server keeps, or the first line of a script, in which texts between
/// quotes are left out, because they may be secret. `None` if the command calls no script.
pub(super) fn script_name(command: &str, first: &str) -> Option<String> {
    match command {
        "fcall" | "fcall_ro" | "evalsha" | "evalsha_ro" => Some(first.to_owned()),
        "eval" | "eval_ro" => {
            let line = first.lines().map(str::trim).find(|line| !line.is_empty())?;
            let line = without_quoted(line);
            if line.chars().count() <= LONGEST {
                return Some(line);
            }
            Some(line.chars().take(LONGEST - 1).collect::<String>() + "…")
        }
        _ => None,
    }
}

/// Returns `line` with `…` in place of each text between quotes.
fn without_quoted(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(at);
        let quote = &quoted[..1];
        kept = kept + before + quote + "…" + quote;
        // A quote without its end, as where the server cut the text off, hides the rest.
        rest = quoted[1..].split_once(quote).map_or("", |(_, after)| after);
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_named_by_its_first_line_without_texts_and_others_by_their_name() {
        let eval = |text: &str| script_name("eval", text).unwrap();
        assert_eq!(
            eval("\n  local n = redis.call('GET', \"user:ann\")\nreturn n"),
            "local n = redis.call('…', \"…\")"
        );
        assert_eq!(eval("return 'cut off… (90 more bytes)"), "return '…'");
        assert_eq!(eval(&"x".repeat(200)).chars().count(), LONGEST);
        assert_eq!(script_name("fcall", "take").unwrap(), "take");
        let sha = "a9b1c2".repeat(6);
        assert_eq!(script_name("evalsha", &sha), Some(sha));
        assert_eq!(script_name("get", "user:ann"), None);
        assert_eq!(script_name("eval", ""), None);
    }
}
