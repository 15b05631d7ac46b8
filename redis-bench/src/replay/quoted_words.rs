//! Words of a command as `MONITOR` shows them: each between quotes, with escapes for bytes that
//! cannot be printed.

use super::trace_error::TraceFault;

/// Words of one command. The value is used again for the next command, so that it allocates only
/// for the longest.
#[derive(Debug, Default)]
pub(crate) struct QuotedWords {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl QuotedWords {
    /// Reads the words in `text`, which replace those before.
    ///
    /// # Errors
    /// Fails if a word is not quoted or not closed, or if it has an escape that Redis does not write.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), TraceFault> {
        self.bytes.clear();
        self.ends.clear();
        let mut rest = text.trim_start().as_bytes();
        while let Some((first, after)) = rest.split_first() {
            if *first != b'"' {
                return Err(TraceFault::OpenWord);
            }
            rest = self.read_word(after).ok_or(TraceFault::OpenWord)?;
            self.ends.push(self.bytes.len());
            rest = rest.trim_ascii_start();
        }
        Ok(())
    }

    /// Reads the word that begins with `text`. Returns what follows its closing quote; `None` if it
    /// has none, or a wrong escape.
    fn read_word<'a>(&mut self, mut text: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let (byte, rest) = text.split_first()?;
            text = rest;
            match byte {
                b'"' => return Some(text),
                b'\\' => text = self.read_escape(text)?,
                byte => self.bytes.push(*byte),
            }
        }
    }

    fn read_escape<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let (kind, rest) = text.split_first()?;
        let byte = match kind {
            b'\\' | b'"' => *kind,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            b'x' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                self.bytes.push(u8::from_str_radix(digits, 16).ok()?);
                return rest.get(2..);
            }
            _ => return None,
        };
        self.bytes.push(byte);
        Some(rest)
    }

    /// Returns the number of words.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the word at `index`, counted from 0; `None` if there are fewer.
    pub(crate) fn word(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..end)
    }

    /// Returns all words from `first` on.
    pub(crate) fn from(&self, first: usize) -> impl Iterator<Item = &[u8]> {
        (first..self.len()).filter_map(|index| self.word(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_the_bytes_that_they_stand_for() {
        let mut words = QuotedWords::default();
        words
            .read(r#" "SET" "a \"b\"" "\\\n\r\t\a\b\x00\xff" "" "#)
            .unwrap();
        let read: Vec<&[u8]> = words.from(0).collect();
        let wanted: [&[u8]; 4] = [b"SET", b"a \"b\"", b"\\\n\r\t\x07\x08\x00\xff", b""];
        assert_eq!(read, wanted);
        assert_eq!(words.from(3).count(), 1);
        words.read("\"PING\"").unwrap();
        assert_eq!(
            (words.len(), words.word(0), words.word(1)),
            (1, Some(&b"PING"[..]), None)
        );
    }

    #[test]
    fn a_word_without_end_and_a_wrong_escape_are_refused() {
        for text in [
            r#""GET" "a"#,
            r#""GET" a"#,
            r#""a\"#,
            r#""\q""#,
            r#""\x1""#,
            r#""\x"#,
            r#""\xgg""#,
        ] {
            assert!(QuotedWords::default().read(text).is_err(), "{text}");
        }
    }
}
