//! Splitting a line of bytes into words and numbers, without copies or a check for UTF-8, because
//! five hundred lines are parsed at each tick.

/// Iterator over the words of a line that are separated by white space.
#[derive(Debug, Clone)]
pub(super) struct WordReader<'a>(&'a [u8]);

impl<'a> WordReader<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self(line)
    }

    /// Returns the next word of the line; `None` at the end.
    pub(super) fn word(&mut self) -> Option<&'a [u8]> {
        let begin = self.0.iter().position(|byte| !is_space(*byte))?;
        let rest = &self.0[begin..];
        let end = rest.iter().position(|byte| is_space(*byte));
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.0 = rest;
        Some(word)
    }

    /// Skips `count` words and parses the next one as a decimal number; `None` if there is none or
    /// it is not a number.
    pub(super) fn number(&mut self, count: usize) -> Option<u64> {
        for _ in 0..count {
            self.word()?;
        }
        number(self.word()?)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n')
}

/// Parses decimal digits; `None` for an empty word, any other character, or a number over 64 bits.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Parses the number after `key` on the first line that begins with `key`; ignores a unit after the
/// number. `None` if no such line has a line end and a number.
pub(super) fn after(text: &[u8], key: &[u8]) -> Option<u64> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_suffix(b"\n")?.strip_prefix(key))?;
    WordReader::new(line).number(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_whole_numbers_that_fit_are_numbers() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for odd in ["", "-1", "+1", "1 ", "0x1", "18446744073709551616", "1.0"] {
            assert_eq!(number(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn keys_are_found_at_the_beginning_of_whole_lines() {
        let text = b"xread_bytes: 1\nread_bytes: 7\nVmSwap:\t  12 kB\nwrite_bytes: 8";
        assert_eq!(after(text, b"read_bytes:"), Some(7));
        assert_eq!(after(text, b"VmSwap:"), Some(12));
        assert_eq!(after(text, b"write_bytes:"), None, "it may be cut");
    }

    proptest! {
        #[test]
        fn every_number_survives(numbers in proptest::collection::vec(any::<u64>(), 1..8)) {
            let line = numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
            let mut words = WordReader::new(line.as_bytes());
            for wanted in numbers {
                prop_assert_eq!(words.number(0), Some(wanted));
            }
            prop_assert_eq!(words.number(0), None);
        }
    }
}
