//! First reading of a trace: which part of it a replay sends, and what that needs.

use std::path::PathBuf;
use std::time::Duration;

use bench_cli::table::counted;
use thiserror::Error;

use super::arrival_counts::ArrivalCounts;
use super::schedule::ReplaySchedule;
use super::skipped_lines::SkippedLines;
use super::spread::TimedEvent;
use super::trace_error::{TraceError, TraceFault};
use super::trace_event::TraceOperation;
use super::trace_keys::{MOST_KEYS, TraceKeys};
use super::trace_reader::TraceFormat;

/// Shortest length of a replay: that of a trace with a single request has none of its own.
const SHORTEST: Duration = Duration::from_millis(100);

/// Part of a trace that a replay sends, and how fast.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TracePart {
    /// Trace file.
    pub(crate) file: PathBuf,
    /// Format of the file.
    pub(crate) format: TraceFormat,
    /// Number of seconds of the trace that pass in one second of the replay.
    pub(crate) speed: f64,
    /// Requests per second that replace the times of the trace; `None` if it keeps them.
    pub(crate) rate_per_s: Option<f64>,
    /// Number of times that the trace is sent.
    pub(crate) loops: u32,
    /// Largest number of requests; all of the trace's if it is `None`.
    pub(crate) requests: Option<u64>,
    /// Longest time of the replay; that of all loops if it is `None`.
    pub(crate) longest: Option<Duration>,
}

impl TracePart {
    /// Opens the trace to be read from its beginning, and not beyond the part.
    ///
    /// # Errors
    /// Fails if the file cannot be opened, or has no header where the format needs one.
    pub(super) fn open(&self) -> Result<ReplaySchedule, TraceError> {
        let schedule = ReplaySchedule::open(&self.file, self.format, self.speed, self.loops)?;
        Ok(schedule.at_rate(self.rate_per_s))
    }
}

/// What the first reading of a trace found.
#[derive(Debug)]
pub(crate) struct TraceSurvey {
    /// Number of requests of each kind: reads, writes and removals.
    pub(crate) requests: [u64; 3],
    /// Keys of these requests.
    pub(crate) keys: TraceKeys,
    /// Length of the replay.
    pub(crate) length: Duration,
    /// Requests over the time of the replay.
    pub(crate) arrivals: ArrivalCounts,
    /// Lines that are left out.
    pub(crate) skipped: SkippedLines,
    /// Number of requests with a time before that of the one ahead of them.
    pub(crate) out_of_order: u64,
}

impl TraceSurvey {
    /// Reads `part` of a trace once.
    ///
    /// # Errors
    /// Fails if the trace cannot be read, has no request, has more lines that are none than requests,
    /// or more keys than a replay takes.
    pub(crate) fn read(part: &TracePart) -> Result<Self, SurveyError> {
        let mut schedule = part.open()?;
        let mut survey = Self {
            requests: [0; 3],
            keys: TraceKeys::default(),
            length: Duration::ZERO,
            arrivals: ArrivalCounts::default(),
            skipped: SkippedLines::default(),
            out_of_order: 0,
        };
        let longest_ns = part.longest.map_or(u64::MAX, |time| time.as_nanos() as u64);
        let most = part.requests.unwrap_or(u64::MAX);
        let mut end_ns = None;
        for timed in schedule.by_ref() {
            let TimedEvent { at_ns, event } = timed?;
            if at_ns >= longest_ns || survey.count() == most {
                end_ns = Some(at_ns.min(longest_ns));
                break;
            }
            if !survey.keys.add(&event) {
                return Err(SurveyError::ManyKeys);
            }
            let kind = match event.operation {
                TraceOperation::Read => 0,
                TraceOperation::Write => 1,
                TraceOperation::Delete => 2,
            };
            survey.requests[kind] += 1;
            survey.arrivals.count(at_ns);
        }
        let length_ns = end_ns.unwrap_or(schedule.length_ns().min(longest_ns));
        // Rounded up, so that the last request lies within the length.
        let length = Duration::from_nanos(length_ns.saturating_add(1));
        survey.length = length.max(SHORTEST);
        survey.skipped = schedule.skipped();
        survey.out_of_order = schedule.out_of_order();
        survey.checked()
    }

    /// Returns the number of all requests.
    pub(crate) fn count(&self) -> u64 {
        self.requests.iter().sum()
    }

    fn checked(self) -> Result<Self, SurveyError> {
        let faulty = self.skipped.faulty;
        let first = self.skipped.first_faulty.clone();
        match (self.count(), first) {
            (requests, Some(first)) if faulty > requests => Err(SurveyError::OtherFormat {
                faulty,
                requests,
                first,
            }),
            (0, _) => Err(SurveyError::NoRequest),
            _ => Ok(self),
        }
    }
}

/// Reason for which a trace cannot be replayed.
#[derive(Debug, Error)]
pub(crate) enum SurveyError {
    /// The file cannot be read, or an event has no time.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// There is nothing to replay.
    #[error("the trace has no request to replay")]
    NoRequest,
    /// Most lines are no request, so that the file has another format.
    #[error(
        "{} without a request in this format and {} in it; the first at {first}",
        counted(*faulty, "line"),
        counted(*requests, "request")
    )]
    OtherFormat {
        /// Number of lines that are no request.
        faulty: u64,
        /// Number of requests.
        requests: u64,
        /// Place and fault of the first line that is none.
        first: String,
    },
    /// The keys of the trace are held in memory.
    #[error("the trace has more than {} million different keys", MOST_KEYS / 1_000_000)]
    ManyKeys,
}

impl SurveyError {
    /// Returns what to write instead.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Trace(error) if matches!(error.fault, TraceFault::NoTime) => {
                "--rate PER_S gives it times"
            }
            Self::Trace(_) => "--requests N replays the part before",
            Self::NoRequest => "look at the file, or choose another part of it",
            Self::OtherFormat { .. } => "name its format with --trace-format",
            Self::ManyKeys => "replay a part of it: --requests N or --duration TIME",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use test_support::TestDirectory;

    use super::*;

    /// Three requests in second 10, one line that is none, and one request in second 12.
    const FOUR: &str = "10,a,1,7,1,get,0\n10,b,1,9,1,set,60\n10,a,1,7,1,delete,0\n10,a\n\
                        12,d,1,1,1,get,0\n";

    fn survey(
        content: impl AsRef<[u8]>,
        limit: impl FnOnce(&mut TracePart),
    ) -> Result<TraceSurvey, SurveyError> {
        let place = TestDirectory::new();
        let file = place.path().join("trace");
        fs::write(&file, content).unwrap();
        let mut part = TracePart {
            file,
            format: TraceFormat::Twitter,
            speed: 1.0,
            rate_per_s: None,
            loops: 1,
            requests: None,
            longest: None,
        };
        limit(&mut part);
        TraceSurvey::read(&part)
    }

    #[test]
    fn requests_keys_and_length_are_those_of_the_part() {
        let whole = survey(FOUR, |_| ()).unwrap();
        assert_eq!((whole.requests, whole.keys.count()), ([2, 1, 1], 3));
        assert_eq!((whole.length.as_millis(), whole.skipped.faulty), (3_000, 1));
        let single = survey("10,a,1,7,1,get,0\n", |part| part.speed = 1e9).unwrap();
        assert_eq!((single.count(), single.length), (1, SHORTEST));
        let faster = survey(FOUR, |part| (part.speed, part.loops) = (10.0, 2)).unwrap();
        assert_eq!((faster.count(), faster.length.as_millis()), (8, 600));
        let first = survey(FOUR, |part| part.requests = Some(3)).unwrap();
        // The fourth request is due in the middle of the third second.
        assert_eq!((first.count(), first.length.as_millis()), (3, 2_500));
        let brief = |part: &mut TracePart| part.longest = Some(Duration::from_secs(2));
        let brief = survey(FOUR, brief).unwrap();
        assert_eq!((brief.count(), brief.length.as_millis()), (3, 2_000));
    }

    #[test]
    fn a_line_of_any_bytes_is_left_out_and_counted() {
        let content =
            b"1.0 [0 lua] \"GET\" \"a\"\n1.1 [0 lua] \"GET\" \"\xff\"\n1.2 [0 lua] \"GET\" \"b\"\n";
        let found = survey(content, |part| part.format = TraceFormat::Monitor).unwrap();
        assert_eq!((found.count(), found.skipped.faulty), (2, 1));
        let first = found.skipped.first_faulty.unwrap();
        assert_eq!(first, "line 2: the line is no UTF-8 text");
    }

    #[test]
    fn what_cannot_be_replayed_is_refused_with_the_reason() {
        for (content, told) in [
            ("", "no request"),
            ("key,op,size\na,GET,1\n", "the first at line 1"),
            (
                "x\ny\n10,a,1,7,1,get,0\n",
                "2 lines without a request in this format and 1 request in it",
            ),
        ] {
            let why = survey(content, |_| ()).unwrap_err().to_string();
            assert!(why.contains(told), "{content:?}: {why}");
        }
    }
}
