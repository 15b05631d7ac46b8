//! Flags of raw samples.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::flags::{count, duration, size};
use bench_report::Report;
use clap::{ArgGroup, Args};

use super::{RawHeader, RawWriter, Rotation, paths};

/// Smallest size at which a new file may be begun, in bytes. A smaller file would be closed before
/// it contains much more than its header.
const LEAST_BYTES: u64 = 16 * 1024;
const LEAST_AGE: Duration = Duration::from_secs(1);

/// Flags that select whether raw samples are written, and in which files.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Raw samples")]
#[command(group(ArgGroup::new("rotate").args(["rotate_size", "rotate_age"]).multiple(true)))]
pub(crate) struct RawFlags {
    /// Do not keep raw samples [default: written as an Arrow stream beside the report]
    #[arg(long, conflicts_with_all = ["rotate", "keep"])]
    pub(crate) no_raw: bool,

    /// Size at which a new file is begun, 16KiB or more
    #[arg(long, value_parser = rotate_size, value_name = "SIZE")]
    pub(crate) rotate_size: Option<u64>,

    /// Age at which a new file is begun, 1s or more
    #[arg(long, value_parser = rotate_age, value_name = "TIME")]
    pub(crate) rotate_age: Option<Duration>,

    /// Number of files to keep; older files of this recording are removed [default: all]
    #[arg(long, value_parser = count, value_name = "N", requires = "rotate")]
    pub(crate) keep: Option<u64>,
}

impl RawFlags {
    /// Returns the size and age at which a file is closed and the next one begun, and the number of
    /// files to keep, as the flags set them.
    pub(crate) fn rotation(&self) -> Rotation {
        Rotation {
            size_bytes: self.rotate_size,
            age_ns: self.rotate_age.map(|age| age.as_nanos() as u64),
            keep: self.keep.map(|keep| keep as usize),
        }
    }

    /// Creates the first file beside the report at `path`, and starts the thread that writes it;
    /// `interval` is the time between samples. `None` if no raw samples are wanted.
    ///
    /// # Errors
    /// If the file cannot be created, or if the operating system has no thread left.
    pub(crate) fn start(
        &self,
        path: &Path,
        report: &Report,
        interval: Duration,
    ) -> anyhow::Result<Option<RawWriter>> {
        if self.no_raw {
            return Ok(None);
        }
        let header = RawHeader::new(report, interval.as_nanos() as u64);
        let writer = RawWriter::start(path, header, self.rotation());
        let writer = writer.context("no raw samples can be kept").remedy(
            "name another place with --output FILE or --run-dir DIR, or do without them \
             with --no-raw",
        )?;
        Ok(Some(writer))
    }

    /// Returns the name of the file of raw samples beside the report at `path`, or a pattern such
    /// as `x.*.arrows` if there may be several; `None` if no raw samples are wanted.
    pub(crate) fn names(&self, path: &Path) -> Option<String> {
        let files = if self.rotation().is_any() {
            paths::pattern(path)
        } else {
            paths::single(path)
        };
        let name = files.file_name().filter(|_| !self.no_raw)?;
        Some(name.to_string_lossy().into_owned())
    }
}

fn rotate_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes if bytes < LEAST_BYTES => Err(format!("{text} is too small; 16KiB is the least")),
        bytes => Ok(bytes),
    }
}

fn rotate_age(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        age if age < LEAST_AGE => Err(format!("{text} is too short; 1s is the least")),
        age => Ok(age),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct RawFlagsCli {
        #[command(flatten)]
        raw: RawFlags,
    }

    fn parse(args: &str) -> Result<RawFlags, clap::Error> {
        let words = std::iter::once("x").chain(args.split_whitespace());
        RawFlagsCli::try_parse_from(words).map(|cli| cli.raw)
    }

    #[test]
    fn flags_make_a_rotation_and_what_does_not_fit_is_refused() {
        let all = parse("--rotate-size 64MB --rotate-age 1h --keep 24").unwrap();
        let expected = Rotation {
            size_bytes: Some(64_000_000),
            age_ns: Some(3_600_000_000_000),
            keep: Some(24),
        };
        assert_eq!(all.rotation(), expected);
        let path = Path::new("d/r.json");
        assert_eq!(all.names(path).as_deref(), Some("r.*.arrows"));
        assert_eq!(parse("").unwrap().rotation(), Rotation::default());
        assert_eq!(parse("").unwrap().names(path).as_deref(), Some("r.arrows"));
        assert_eq!(parse("--no-raw").unwrap().names(path), None);
        for odd in [
            "--keep 2",
            "--no-raw --rotate-age 1h",
            "--rotate-size 1KB",
            "--rotate-age 500ms",
            "--rotate-age 1h --keep 0",
        ] {
            assert!(parse(odd).is_err(), "{odd}");
        }
    }
}
