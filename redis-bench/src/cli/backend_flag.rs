//! Flag `--backend` of the scenario `cache`: how long the back-end takes, and for how many at once.

use std::fmt;

use bench_cli::flags;
use load_engine::ThinkTime;

/// Largest number of calls at once that a back-end can have.
const MOST_AT_ONCE: u64 = 1_000_000;

/// Back-end behind a cache, as `--backend` names it: `exp:20ms`, or `20ms/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BackendFlag {
    /// Time of a call.
    pub(crate) time: ThinkTime,
    /// Number of calls that the back-end handles at once; `None` for any.
    pub(crate) at_once: Option<usize>,
}

impl BackendFlag {
    /// Parses a time as of `--think-time`, and the number of calls at once after a slash.
    ///
    /// # Errors
    /// Fails with a sentence that shows the form.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (time, at_once) = match text.split_once('/') {
            Some((time, at_once)) => (time, Some(at_once)),
            None => (text, None),
        };
        let time: ThinkTime = time.parse().map_err(|_| {
            format!(
                "{text:?} is no back-end; write 20ms, 10ms..30ms (evenly between) or exp:20ms \
                 (around a mean), and /8 after it for 8 calls at once"
            )
        })?;
        if time.is_none() {
            return Err("a back-end without any time is none; leave --backend out".to_owned());
        }
        let at_once = at_once.map(flags::count).transpose()?;
        match at_once {
            Some(many) if many > MOST_AT_ONCE => {
                Err("a back-end takes up to 1M calls at once; leave the number out".to_owned())
            }
            _ => Ok(Self {
                time,
                at_once: at_once.map(|calls| calls as usize),
            }),
        }
    }
}

impl fmt::Display for BackendFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at_once {
            Some(calls) => write!(f, "{}/{calls}", self.time),
            None => write!(f, "{}", self.time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_back_end_reads_as_it_is_written() {
        for text in ["20ms", "exp:20ms", "10ms..30ms", "exp:20ms/8", "1s/1"] {
            assert_eq!(BackendFlag::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(BackendFlag::parse("20ms/1k").unwrap().at_once, Some(1_000));
        for (text, part) in [
            ("", "write 20ms"),
            ("slow", "write 20ms"),
            ("0", "leave --backend out"),
            ("20ms/0", "must be 1 or more"),
            ("20ms/2M", "up to 1M"),
            ("20ms/x", "is not a count"),
        ] {
            let said = BackendFlag::parse(text).unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
    }
}
