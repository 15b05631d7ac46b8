//! Masking of secrets in the names and command lines of processes.

use std::fmt;

use regex::Regex;

/// Text that replaces a secret.
const MASK: &str = "***";

/// Functions that mask secrets in names and command lines of processes.
#[derive(Clone, Copy)]
pub struct Masking {
    /// Function that returns the name of a process with secrets masked; some programs write their
    /// command line into the name.
    pub text: fn(&str) -> String,
    /// Function that returns the words of a command line with secrets masked.
    pub words: fn(&[String]) -> Vec<String>,
}

impl Masking {
    /// Masking that replaces each name and word as a whole, for programs that search command lines
    /// but show none.
    pub const EVERYTHING: Self = Self {
        text: |_| MASK.to_owned(),
        words: |words| words.iter().map(|_| MASK.to_owned()).collect(),
    };

    /// Masking that changes nothing, for programs whose output only the user sees.
    pub const NONE: Self = Self {
        text: str::to_owned,
        words: <[String]>::to_vec,
    };
}

impl fmt::Debug for Masking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masking").finish_non_exhaustive()
    }
}

/// Command line of a process. It can be searched unmasked, but is shown only with secrets masked.
#[derive(Clone)]
pub struct CommandLine {
    words: Vec<String>,
    masking: Masking,
}

impl CommandLine {
    /// Creates a command line from its words, of which the first is the program, and the functions
    /// that mask its secrets.
    pub fn new(words: Vec<String>, masking: Masking) -> Self {
        Self { words, masking }
    }

    /// Returns the words of the command line with secrets masked.
    pub(crate) fn masked(&self) -> Vec<String> {
        (self.masking.words)(&self.words)
    }

    /// Returns true if `is_it` returns true for any word of the command line. Words are also split
    /// at white space, because servers set process titles that contain it. The words are unmasked,
    /// so `is_it` must not keep them.
    pub fn any_word(&self, is_it: impl Fn(&str) -> bool) -> bool {
        let words = self.words.iter();
        words.flat_map(|word| word.split_whitespace()).any(is_it)
    }

    /// Returns true if `pattern` matches a part of the unmasked command line, whose words are
    /// joined by spaces.
    pub fn is_match(&self, pattern: &Regex) -> bool {
        pattern.is_match(&self.words.join(" "))
    }
}

impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CommandLine").field(&self.masked()).finish()
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_searched_as_it_is_and_shown_masked() {
        let words = ["server".to_owned(), "--password=hunter2".to_owned()];
        let line = CommandLine::new(words.to_vec(), Masking::EVERYTHING);
        assert!(line.is_match(&Regex::new("server --password=hunter2$").unwrap()));
        for shown in [
            line.to_string(),
            format!("{line:?}"),
            line.masked().join(""),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert_eq!(line.to_string(), "*** ***");
        let title = vec!["postgres: app shop 127.0.0.1(5432) idle".to_owned()];
        let title = CommandLine::new(title, Masking::EVERYTHING);
        assert!(title.any_word(|word| word.ends_with("(5432)")));
        assert!(!title.any_word(|word| word == "5432"));
    }
}
