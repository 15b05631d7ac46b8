//! Byte ranges of a text that are to be masked.

use std::ops::Range;

/// Text that replaces each secret.
pub const MASK: &str = "***";

/// Byte ranges of a text that are to be masked, in any order; they may overlap.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<Range<usize>>);

impl Spans {
    /// Adds a range; ignores an empty one.
    pub(super) fn add(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.0.push(range);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Range<usize>> {
        self.0.iter()
    }

    /// Returns `text` with each range replaced by [`MASK`]. Ranges that touch or overlap become
    /// one mask.
    pub(super) fn mask(mut self, text: &str) -> String {
        self.0.sort_by_key(|range| range.start);
        let mut masked = String::with_capacity(text.len());
        let mut shown_to = 0;
        for range in self.0 {
            let touches = range.start <= shown_to && shown_to > 0;
            if !touches {
                masked.push_str(&text[shown_to..range.start]);
            }
            if range.end > shown_to {
                if !(touches && masked.ends_with(MASK)) {
                    masked.push_str(MASK);
                }
                shown_to = range.end;
            }
        }
        masked.push_str(&text[shown_to..]);
        masked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_and_touching_ranges_become_one_mask() {
        let mut spans = Spans::default();
        for range in [6..8, 0..2, 1..3, 3..4, 5..5] {
            spans.add(range);
        }
        assert_eq!(spans.mask("abcdefgh"), "***ef***");
        assert_eq!(Spans::default().mask("äö"), "äö");
    }
}
