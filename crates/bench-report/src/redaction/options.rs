//! Place of the secret within a word of a command line, by the forms that are known of the
//! program.

use std::ops::Range;

use super::names::{self, Naming};
use super::programs::{Glue, OptionForm, Style};

/// Place of the secret of an option, relative to the word that was compared with the option.
pub(super) enum OptionMatch {
    Nothing,
    /// The next word is the secret.
    Next,
    Here(Range<usize>),
}

impl OptionForm {
    /// Compares a word with the option, and returns the place of the option's secret: in this
    /// word, in the next one, or nowhere because the word is not this option.
    pub(super) fn look(&self, word: &str) -> OptionMatch {
        let Some(rest) = word.strip_prefix(self.flag) else {
            return if self.ends_cluster(word) {
                OptionMatch::Next
            } else {
                OptionMatch::Nothing
            };
        };
        if rest.is_empty() {
            return match self.glue {
                Glue::Must => OptionMatch::Nothing,
                Glue::May | Glue::Cannot => OptionMatch::Next,
            };
        }
        let value = rest.trim_start_matches(['=', ':']);
        let is_signed = value.len() < rest.len();
        if !is_signed && (self.glue == Glue::Cannot || self.is_other(word)) {
            return OptionMatch::Nothing;
        }
        let start = word.len() - value.len();
        match self.style.find(value) {
            Some(range) => OptionMatch::Here(start + range.start..start + range.end),
            None => OptionMatch::Nothing,
        }
    }

    /// Returns true if `word`, which begins with this option, is a longer option instead:
    /// `-password` is no `-p` with the value `assword`.
    fn is_other(&self, word: &str) -> bool {
        let name = &word[1..];
        self.glue == Glue::May
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            && names::naming(name) == Naming::Secret
    }

    /// Returns true if the option is the last of several letters in one word, as in `-su a:b`.
    fn ends_cluster(&self, word: &str) -> bool {
        const LONGEST: usize = 5;
        let letters = word.strip_prefix('-').unwrap_or_default();
        self.glue == Glue::May
            && letters.len() <= LONGEST
            && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
            && letters.ends_with(&self.flag[1..])
    }
}

impl Style {
    /// Returns the byte range of the secret in a word; `None` if it has none.
    pub(super) fn find(self, word: &str) -> Option<Range<usize>> {
        match self {
            Self::Whole => Some(0..word.len()),
            Self::Likely => looks_like_password(word).then_some(0..word.len()),
            Self::After(separator) => after(separator, word),
            Self::Stored => {
                let is_key = |key: &&str| !key.is_empty() && key.bytes().all(is_key_byte);
                let key = word.split_once('=').map(|(key, _)| key).filter(is_key);
                let start = key.map_or(0, |key| key.len() + 1);
                let open = key.is_some_and(names::is_about);
                (start < word.len() && !open).then_some(start..word.len())
            }
            Self::Source => {
                let sources = ["env:", "file:", "fd:", "stdin", "prompt"];
                let named = sources.iter().any(|source| word.starts_with(source));
                let start = if word.starts_with("pass:") { 5 } else { 0 };
                (!named).then_some(start..word.len())
            }
        }
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Returns the byte range of the password after the separator, as in `user:password`. A user
/// without a password may be a token, and is returned instead. `None` without a separator, and for
/// two numbers.
fn after(separator: char, word: &str) -> Option<Range<usize>> {
    let at = word.find(separator)?;
    if separator == '/' && word.starts_with(['/', '@', '.']) {
        // A path, or `/nolog`.
        return None;
    }
    let start = at + separator.len_utf8();
    if start == word.len() {
        return (at > 0).then_some(0..at);
    }
    // Ids of a user and a group, or two ports.
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let numbers = number(&word[..at]) && number(&word[start..]);
    (!numbers).then_some(start..word.len())
}

/// Returns true if a word looks like a password rather than a name, a number, a host or a path.
pub(super) fn looks_like_password(word: &str) -> bool {
    const SHORTEST: usize = 6;
    let any = |wanted: fn(&u8) -> bool| word.bytes().any(|byte| wanted(&byte));
    let odd = any(|byte| b"!@#$%^&*?~+{}[]|<>\"'\\ ".contains(byte)) || !word.is_ascii();
    // `@body.json` of curl, or a network share of Windows.
    let is_file = word.strip_prefix('@').is_some_and(is_name) || word.starts_with(r"\\");
    if word.len() < SHORTEST || is_file || is_name(word) {
        return false;
    }
    if word.contains('/') {
        return !is_path(word);
    }
    let is_list = word.contains(['=', ',']);
    odd || (!is_list && any(u8::is_ascii_digit) && any(u8::is_ascii_alphabetic))
}

/// Returns true if a word with `/` may be a path, a pattern of paths, an image or an address,
/// because it is ASCII and has none of the characters that only a shell or a password needs.
fn is_path(word: &str) -> bool {
    let word = word.trim_start_matches(['~', '$']);
    !word.contains(['!', '#', '$', '^', '~', '|', '<', '>', '"', '\'', '\\']) && word.is_ascii()
}

/// Returns true for a number with its unit, a version, a host, or words and numbers joined by `-`,
/// `_`, `.` or `:`.
fn is_name(word: &str) -> bool {
    const LONGEST_UNIT: usize = 3;
    const LONGEST_NUMBER: usize = 4;
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_unit = unit.len() <= LONGEST_UNIT && unit.bytes().all(|b| b.is_ascii_alphabetic());
    if unit.len() < word.len() && is_unit {
        return true;
    }
    let separators = ['-', '_', '.', ':'];
    word.contains(separators)
        && word.split(separators).all(|part| {
            let number = part.trim_start_matches(|c: char| c.is_ascii_lowercase());
            number.len() <= LONGEST_NUMBER && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}
