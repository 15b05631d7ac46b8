//! Secrets in the names and command lines of processes.

use std::fmt;

use regex::Regex;

/// Functions that mask secrets in what processes say of themselves.
#[derive(Clone, Copy)]
pub struct Masking {
    /// Masks a text: the name of a process, which some programs fill with their command line.
    pub text: fn(&str) -> String,
    /// Masks a command line, word by word.
    pub words: fn(&[String]) -> Vec<String>,
}

impl Masking {
    /// Masks nothing: for programs whose output nobody but the user sees.
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

/// Command line of a process. It can be searched as it is, and shown only with secrets masked.
#[derive(Clone)]
pub struct CommandLine {
    words: Vec<String>,
    masking: Masking,
}

impl CommandLine {
    /// Wraps the words of a command line, program first.
    pub fn new(words: Vec<String>, masking: Masking) -> Self {
        Self { words, masking }
    }

    /// Returns the words with secrets masked.
    pub fn masked(&self) -> Vec<String> {
        (self.masking.words)(&self.words)
    }

    /// Returns true if `pattern` matches the unmasked words, joined by spaces.
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
        let masking = Masking {
            text: |_| "***".to_owned(),
            words: |words| words.iter().map(|_| "***".to_owned()).collect(),
        };
        let words = ["server".to_owned(), "--password=hunter2".to_owned()];
        let line = CommandLine::new(words.to_vec(), masking);
        assert!(line.is_match(&Regex::new("server --password=hunter2$").unwrap()));
        for shown in [
            line.to_string(),
            format!("{line:?}"),
            line.masked().join(""),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert_eq!(line.to_string(), "*** ***");
    }
}
