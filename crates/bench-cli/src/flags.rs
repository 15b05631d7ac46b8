//! Command-line flags that several programs share, and parsers of flag values.

mod count;
mod counts;
mod share;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use self::count::{is_negative, scaled};

pub use self::{
    count::count,
    counts::{Counts, list_of_counts},
    share::share,
};

/// Flags that set the files and the form of a run's result, and whether progress is shown.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputFlags {
    /// Report file [default: TOOL.SCENARIO.json in the run's directory]; without a run's directory
    /// it is in no run's manifest
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// Directory of the run's files [default: one of its own under reports/]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub run_dir: Option<PathBuf>,

    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,

    /// No progress on stderr, only the result
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
}

/// Form of the result on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Table for people.
    #[default]
    Text,
    /// Report as JSON.
    Json,
}

const LONGEST: Duration = Duration::from_hours(24 * 365);
const LARGEST_BYTES: u64 = 1 << 50;
/// Allowed rates in arrivals per second, from about one in a quarter of an hour to more than any
/// machine can make. Within these bounds the instants of arrivals fit a clock.
const RATES_PER_S: std::ops::RangeInclusive<f64> = 1e-3..=1e8;

/// Returns the clap value parser of a flag that was renamed or removed. It refuses every value
/// with the error `advice`, which names the flag to use instead.
pub fn renamed<T>(
    advice: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |_| Err(advice.to_owned())
}

/// Parses a length of time as people write it: `500ms`, `10s`, `1h30m`.
///
/// # Errors
/// Returns a message if the text is not a time, or is zero, negative, or longer than a year.
pub fn duration(text: &str) -> Result<Duration, String> {
    match duration_or_zero(text)? {
        Duration::ZERO => Err(format!("a time must be longer than zero here; {TIME_FORM}")),
        time => Ok(time),
    }
}

/// Parses a length of time that may be zero (`0s` or `0`).
///
/// # Errors
/// Returns a message if the text is not a time, or is negative, or longer than a year.
pub fn duration_or_zero(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if is_negative(text) {
        return Err(format!(
            "a time cannot be negative, as {text} is; {TIME_FORM}"
        ));
    }
    match humantime::parse_duration(text) {
        Ok(time) if time > LONGEST => Err(format!("{text} is longer than a year; {TIME_FORM}")),
        Ok(time) => Ok(time),
        Err(_) => Err(format!("{text:?} is not a time; {TIME_FORM}")),
    }
}

const TIME_FORM: &str = "write a time such as 500ms, 10s or 1h30m";

/// Parses a size in bytes as people write it: `512`, `64KiB` (1,024-fold), `10MB`
/// (1,000,000-fold).
///
/// # Errors
///
/// Returns a message if the text is not a size, or is zero, negative, or more than a PiB (2^50
/// bytes).
pub fn size(text: &str) -> Result<u64, String> {
    let form = "write a size such as 512, 64KiB or 10MB";
    let text = text.trim();
    if is_negative(text) {
        return Err(format!(
            "a size must be larger than zero, not {text}; {form}"
        ));
    }
    match text.parse::<bytesize::ByteSize>().map(|size| size.as_u64()) {
        Ok(0) => Err(format!("a size must be larger than zero; {form}")),
        Ok(bytes) if bytes > LARGEST_BYTES => Err(format!("{text} is more than a PiB; {form}")),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(format!("{text:?} is not a size; {form}")),
    }
}

/// Parses a rate in arrivals per second. Accepts the factors `k` and `M`, and the unit: `10k`,
/// `2M`, `500/s`.
///
/// # Errors
/// Returns a message if the text is not a rate, or is below 0.001/s or above 100M/s.
pub fn rate(text: &str) -> Result<f64, String> {
    let form = "write arrivals per second, such as 500, 0.5 or 10k";
    let text = text.trim();
    let (digits, factor) = scaled(text.strip_suffix("/s").unwrap_or(text));
    match digits.parse::<f64>().map(|n| n * factor as f64) {
        Ok(rate) if RATES_PER_S.contains(&rate) => Ok(rate),
        Ok(rate) if rate.is_nan() => Err(format!("{text:?} is not a rate; {form}")),
        Ok(rate) if rate <= 0.0 => Err(format!("a rate must be above zero, not {text}; {form}")),
        Ok(_) => Err(format!(
            "{text} is not between 0.001 and 100M a second; {form}"
        )),
        Err(_) => Err(format!("{text:?} is not a rate; {form}")),
    }
}

/// Parses a percentage from 1 % to 100 % into a fraction of 1: `80%` is 0.8.
///
/// # Errors
///
/// Returns a message if the text lacks the `%` sign, is not a number, or is outside that range.
pub fn percent(text: &str) -> Result<f64, String> {
    let number = text
        .trim()
        .strip_suffix('%')
        .and_then(|n| n.trim().parse().ok());
    let number = number.filter(|n: &f64| (1.0..=100.0).contains(n));
    number
        .map(|n| n / 100.0)
        .ok_or_else(|| format!("{text:?} is no share; write 80%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_write_them() {
        for (text, expected) in [
            ("250ms", Duration::from_millis(250)),
            ("10s", Duration::from_secs(10)),
            (" 5m ", Duration::from_mins(5)),
            ("1h30m", Duration::from_mins(90)),
            ("1h 30m", Duration::from_mins(90)),
            ("50us", Duration::from_micros(50)),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
            assert_eq!(duration_or_zero(text), Ok(expected), "{text}");
        }
        for zero in ["0", "0s", "0ms"] {
            assert_eq!(duration_or_zero(zero), Ok(Duration::ZERO), "{zero}");
        }
    }

    #[test]
    fn sizes_counts_and_rates_read_as_people_write_them() {
        for (text, bytes) in [
            ("512", 512),
            ("64KiB", 65_536),
            ("10MB", 10_000_000),
            ("1.5 KiB", 1_536),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for (text, n) in [("1", 1), (" 8 ", 8), ("10k", 10_000), ("2M", 2_000_000)] {
            assert_eq!(count(text), Ok(n), "{text}");
        }
        for (text, per_s) in [
            ("500", 500.0),
            ("0.5", 0.5),
            ("2.5k/s", 2_500.0),
            ("1M", 1e6),
            ("1e3", 1e3),
        ] {
            assert_eq!(rate(text), Ok(per_s), "{text}");
        }
    }

    type Parser = fn(&str) -> Result<(), String>;

    /// Texts that every parser of these flags must refuse.
    const NEVER: [&str; 16] = [
        "",
        " ",
        "-",
        "--",
        "-1",
        "-5s",
        "\u{2212}5",
        "NaN",
        "inf",
        "-inf",
        "٣",
        "５",
        "1\0",
        "\u{1b}[2J",
        "🚢",
        "1,5",
    ];

    #[test]
    fn hostile_values_get_a_sentence_that_says_what_to_write() {
        let long = "9".repeat(10_000);
        let parsers: [(Parser, &[&str]); 5] = [
            (
                |t| duration(t).map(drop),
                &[
                    "0s", "0", "5", "ten", "366d", "9999999y", "5s5", "1.5.5s", "-0s",
                ],
            ),
            (
                |t| duration_or_zero(t).map(drop),
                &["5", "ten", "366d", "99999999999999999999s"],
            ),
            (
                |t| size(t).map(drop),
                &[
                    "0",
                    "-1KB",
                    "much",
                    "0.0001KB",
                    "2PiB",
                    "16EiB",
                    "99999999999999999999EB",
                ],
            ),
            (
                |t| count(t).map(drop),
                &[
                    "0",
                    "1.5",
                    "0k",
                    "k",
                    "1kk",
                    "18446744073709551616",
                    "18446744073709551615k",
                    "1001M",
                ],
            ),
            (
                |t| rate(t).map(drop),
                &[
                    "0", "-0.0", "1e300", "1e-300", "0.0001", "fast", "/s", "5/s/s", "k",
                ],
            ),
        ];
        for (parse, hostile) in parsers {
            for text in NEVER.iter().chain(hostile).copied().chain([long.as_str()]) {
                let said = parse(text).expect_err(text);
                assert!(said.contains("write"), "{text:?}: {said}");
                assert!(!said.contains(['\0', '\u{1b}']), "{text:?}: {said}");
            }
        }
    }

    #[test]
    fn a_value_that_is_out_of_range_is_told_from_one_that_is_none() {
        assert!(
            duration("-5s")
                .unwrap_err()
                .contains("cannot be negative, as -5s is")
        );
        assert!(duration("0s").unwrap_err().contains("longer than zero"));
        assert!(duration("2y").unwrap_err().contains("longer than a year"));
        assert!(duration("--quiet").unwrap_err().contains("not a time"));
        assert!(rate("-1").unwrap_err().contains("above zero"));
        assert!(rate("1e9").unwrap_err().contains("100M"));
        assert!(size("-1KB").unwrap_err().contains("larger than zero"));
    }
}
