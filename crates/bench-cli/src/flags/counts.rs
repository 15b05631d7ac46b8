//! Parser of lists and ranges of whole numbers, with which one flag gives all settings of a sweep.

use super::count::count;

/// Largest number of counts that one flag gives; more are refused as a typing error.
const MOST: usize = 1_000;
const FORM: &str = "write counts such as 2,4,8, or ranges such as 2..8, 2..64*2 or 2..32+6";

/// Counts that [`list_of_counts`] parsed, ascending and without repeats. This type is needed
/// because clap treats a plain `Vec` as the value of a flag that can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts(pub Vec<u64>);

impl Counts {
    /// Returns the largest count; 1 for an empty list, which [`list_of_counts`] never returns.
    pub fn largest(&self) -> u64 {
        self.0.last().copied().unwrap_or(1)
    }
}

/// Parses a list of counts and ranges, and returns the counts ascending and without repeats. Forms
/// are `2,4,8`, `2..8` (steps of one), `2..64*2` (a factor) and `2..32+6` (steps of six). Both
/// ends of a range are included, even if the steps would miss the end: `10..100*2` is 10, 20, 40,
/// 80, 100.
///
/// # Errors
///
/// Returns a message if a part is not a count or range, if a range runs backwards or has the
/// factor 1, or if there are more than 1,000 counts, repeats included.
pub fn list_of_counts(text: &str) -> Result<Counts, String> {
    let mut counts = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            None => counts.push(count(part)?),
            Some((from, rest)) => range(from, rest, &mut counts)?,
        }
        if counts.len() > MOST {
            return Err(format!("{text} is more than {MOST} settings; {FORM}"));
        }
    }
    counts.sort_unstable();
    counts.dedup();
    Ok(Counts(counts))
}

fn range(from: &str, rest: &str, counts: &mut Vec<u64>) -> Result<(), String> {
    let (to, step) = match rest.find(['*', '+']) {
        None => (rest, RangeStep::Sum(1)),
        Some(at) => {
            let amount = count(&rest[at + 1..])?;
            let step = if rest[at..].starts_with('*') {
                RangeStep::Factor(amount)
            } else {
                RangeStep::Sum(amount)
            };
            (&rest[..at], step)
        }
    };
    let (from, to) = (count(from)?, count(to)?);
    if from > to {
        return Err(format!("{from}..{to} runs backwards; {FORM}"));
    }
    if step == RangeStep::Factor(1) {
        return Err(format!("{from}..{to}*1 never ends; {FORM}"));
    }
    let mut n = from;
    while n < to && counts.len() <= MOST {
        counts.push(n);
        n = step.after(n);
    }
    counts.push(to);
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeStep {
    Sum(u64),
    Factor(u64),
}

impl RangeStep {
    fn after(self, n: u64) -> u64 {
        match self {
            Self::Sum(amount) => n.saturating_add(amount),
            Self::Factor(amount) => n.saturating_mul(amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_hold_both_their_ends() {
        for (text, expected) in [
            ("8, 2,4,2", &[2, 4, 8][..]),
            ("2..5", &[2, 3, 4, 5]),
            ("2..64*2", &[2, 4, 8, 16, 32, 64]),
            ("2..32+6", &[2, 8, 14, 20, 26, 32]),
            ("10..100*2", &[10, 20, 40, 80, 100]),
            ("1,4..8+4,6", &[1, 4, 6, 8]),
            ("7..7", &[7]),
            ("1..2k*10", &[1, 10, 100, 1_000, 2_000]),
        ] {
            assert_eq!(list_of_counts(text).unwrap().0, expected, "{text}");
        }
    }

    #[test]
    fn a_list_with_one_wrong_part_is_refused_whole_with_what_to_write() {
        for text in [
            "", ",", "2,,4", "2,0", "2;4", "2,-4", "2,4,", "8..2", "2..", "..8", "2..8*1",
            "2..8*0", "2..8+", "2..8*2*2", "0..4", "1..1000M", "2..8-1", "1..2..3",
        ] {
            let said = list_of_counts(text).expect_err(text);
            assert!(said.contains("write"), "{text}: {said}");
        }
    }
}
