//! Times at which a replay sends the requests of a trace.

use std::path::{Path, PathBuf};

use super::skipped_lines::SkippedLines;
use super::spread::{Spread, TimedEvent};
use super::trace_error::TraceError;
use super::trace_reader::{TraceFormat, TraceReader};

/// Events of a trace with the times at which they are due, counted from the start of the replay.
/// After an error there are no more.
#[derive(Debug)]
pub(crate) struct ReplaySchedule {
    file: PathBuf,
    format: TraceFormat,
    rate_per_s: Option<f64>,
    speed: f64,
    loops_left: u32,
    /// Events of the running loop; `None` after the last.
    events: Option<Spread>,
    /// Time in the trace at which the running loop begins, in nanoseconds.
    begin_ns: u64,
    /// Time in the trace at which the loops that are over end, in nanoseconds.
    end_ns: u64,
    /// Lines that the loops that are over left out.
    skipped: SkippedLines,
    out_of_order: u64,
}

impl ReplaySchedule {
    /// Opens `file` to be replayed `loops` times, `speed` times as fast as its own times say. A loop
    /// begins where the last second of the loop before ends. The file is read anew for each.
    ///
    /// # Errors
    /// Fails if the file cannot be opened, or has no header where the format needs one.
    pub(crate) fn open(
        file: &Path,
        format: TraceFormat,
        speed: f64,
        loops: u32,
    ) -> Result<Self, TraceError> {
        let events = TraceReader::open(file, format)?;
        Ok(Self {
            file: file.to_owned(),
            format,
            rate_per_s: None,
            speed,
            loops_left: loops.saturating_sub(1),
            events: (loops > 0).then(|| Spread::new(events)),
            begin_ns: 0,
            end_ns: 0,
            skipped: SkippedLines::default(),
            out_of_order: 0,
        })
    }

    /// Replaces the times of the trace, if it has any, by those of a constant rate, before anything is
    /// read.
    #[must_use]
    pub(crate) fn at_rate(mut self, rate_per_s: Option<f64>) -> Self {
        self.rate_per_s = rate_per_s;
        self.events = self.events.map(|events| events.at_rate(rate_per_s));
        self
    }

    /// Returns the lines that all loops so far left out.
    pub(crate) fn skipped(&self) -> SkippedLines {
        let mut skipped = self.skipped.clone();
        if let Some(events) = &self.events {
            skipped.add(events.skipped());
        }
        skipped
    }

    /// Returns the time from the start of the replay to the end of the last loop that is over, in
    /// nanoseconds.
    pub(crate) fn length_ns(&self) -> u64 {
        (self.end_ns as f64 / self.speed) as u64
    }

    /// Returns the number of events of all loops so far that had a time before that of the one ahead
    /// of them.
    pub(crate) fn out_of_order(&self) -> u64 {
        self.out_of_order + self.events.as_ref().map_or(0, Spread::out_of_order)
    }

    /// Ends the running loop, and begins the next if one is left. A loop without a length would be
    /// followed by others at the same time, so it is the last.
    fn next_loop(&mut self) -> Result<(), TraceError> {
        (self.skipped, self.out_of_order) = (self.skipped(), self.out_of_order());
        let length_ns = self.events.take().map_or(0, |events| events.length_ns());
        self.end_ns = self.begin_ns.saturating_add(length_ns);
        if self.loops_left == 0 || length_ns == 0 {
            return Ok(());
        }
        self.loops_left -= 1;
        self.begin_ns = self.end_ns;
        let events = TraceReader::open(&self.file, self.format)?;
        self.events = Some(Spread::new(events.at_rate(self.rate_per_s)));
        Ok(())
    }
}

impl Iterator for ReplaySchedule {
    type Item = Result<TimedEvent, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.events.as_mut()?.next() {
                Some(Ok(TimedEvent { at_ns, event })) => {
                    let trace_ns = self.begin_ns.saturating_add(at_ns);
                    return Some(Ok(TimedEvent {
                        at_ns: (trace_ns as f64 / self.speed) as u64,
                        event,
                    }));
                }
                Some(Err(error)) => {
                    self.loops_left = 0;
                    return Some(Err(error));
                }
                None => {
                    if let Err(error) = self.next_loop() {
                        return Some(Err(error));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use test_support::TestDirectory;

    use super::super::trace_error::{TraceFault, TracePlace};
    use super::super::zstd_frames::compressed;
    use super::*;

    fn schedule(
        format: TraceFormat,
        content: &str,
        speed: f64,
        loops: u32,
    ) -> (ReplaySchedule, TestDirectory) {
        let place = TestDirectory::new();
        let file = place.path().join("trace");
        fs::write(&file, content).unwrap();
        (
            ReplaySchedule::open(&file, format, speed, loops).unwrap(),
            place,
        )
    }

    fn times_ms(schedule: ReplaySchedule) -> Vec<u64> {
        schedule
            .map(|event| event.unwrap().at_ns / 1_000_000)
            .collect()
    }

    /// Three events in second 10 and one in second 12.
    const FOUR: &str = "10,a,1,1,1,get,0\n10,b,1,1,1,get,0\n10,c,1,1,1,get,0\n12,d,1,1,1,get,0\n";

    #[test]
    fn events_are_spread_evenly_over_their_second_and_loops_follow_each_other() {
        let (once, _place) = schedule(TraceFormat::Twitter, FOUR, 1.0, 1);
        assert_eq!(times_ms(once), [166, 500, 833, 2_500]);
        let (faster, _place) = schedule(TraceFormat::Twitter, FOUR, 10.0, 1);
        assert_eq!(times_ms(faster), [16, 50, 83, 250]);
        let (twice, _place) = schedule(TraceFormat::Twitter, FOUR, 0.5, 2);
        let second = [333, 1_000, 1_666, 5_000].map(|at| at + 6_000);
        assert_eq!(
            times_ms(twice),
            [vec![333, 1_000, 1_666, 5_000], second.to_vec()].concat()
        );
        let (never, _place) = schedule(TraceFormat::Twitter, FOUR, 1.0, 0);
        assert_eq!(never.count(), 0);
        let (empty, _place) = schedule(TraceFormat::Twitter, "", 1.0, u32::MAX);
        assert_eq!(empty.count(), 0);
    }

    #[test]
    fn finer_times_are_kept_and_a_loop_begins_after_the_mean_gap() {
        let lines = "5.100000 [0 x] \"GET\" \"a\"\n\
                     5.200000 [0 x] \"PING\"\n\
                     5.300000 [0 x] \"GET\" \"a\"\n\
                     5.250000 [0 x] \"GET\" \"a\"\n\
                     5.500000 [0 x] \"GET\" \"a\"\n";
        let (mut twice, _place) = schedule(TraceFormat::Monitor, lines, 1.0, 2);
        let times: Vec<u64> = twice
            .by_ref()
            .map(|event| event.unwrap().at_ns / 1_000)
            .collect();
        // Four events in 400 ms have three gaps of 133.333 ms in the mean.
        let second = [0, 200_000, 200_000, 400_000].map(|at| at + 533_333);
        assert_eq!(
            times,
            [vec![0, 200_000, 200_000, 400_000], second.to_vec()].concat()
        );
        assert_eq!(twice.length_ns() / 1_000, 2 * 533_333);
        let skipped = twice.skipped();
        assert_eq!((skipped.commands, twice.out_of_order()), (2, 2));
        assert_eq!(skipped.first_command, Some(TracePlace::Line(2)));
    }

    #[test]
    fn lines_that_are_no_request_are_left_out_and_the_first_is_told() {
        let content = FOUR.replace("10,c", "10,c,1\n\nnoon,c,1,1,1,get,0\n10,c");
        let (mut twice, _place) = schedule(TraceFormat::Twitter, &content, 1.0, 2);
        assert_eq!(twice.by_ref().filter_map(Result::ok).count(), 8);
        let skipped = twice.skipped();
        assert_eq!((skipped.faulty, skipped.commands), (4, 0));
        let first = skipped.first_faulty.unwrap();
        assert_eq!(first, "line 3: the line has 3 columns, not 7");
    }

    #[test]
    fn a_file_that_cannot_be_read_on_ends_the_schedule_after_the_events_before() {
        let lines = format!("{FOUR}{}", "12,e,1,1,1,get,0\n".repeat(30_000));
        let whole = compressed(lines.as_bytes());
        let place = TestDirectory::new();
        let file = place.path().join("trace");
        fs::write(&file, &whole[..whole.len() - 9]).unwrap();
        let mut cut = ReplaySchedule::open(&file, TraceFormat::Twitter, 1.0, 3).unwrap();
        let before = cut.by_ref().map_while(Result::ok).count();
        assert!(before > 4, "{before}");
        assert!(cut.next().is_none());
        let mut cut = ReplaySchedule::open(&file, TraceFormat::Twitter, 1.0, 3).unwrap();
        let error = cut.find_map(Result::err).unwrap();
        assert_eq!(error.place, TracePlace::Line(before as u64 + 1));
        assert!(matches!(error.fault, TraceFault::Io(_)), "{error}");
    }

    #[test]
    fn a_rate_replaces_the_times_of_a_trace_and_those_that_it_does_not_have() {
        for (format, content) in [
            (TraceFormat::Twitter, FOUR),
            (
                TraceFormat::KvReplay,
                "key,op,size,op_count\na,GET,1,3\nb,GET,1,1\n",
            ),
        ] {
            let (twice, _place) = schedule(format, content, 1.0, 2);
            let at_rate = twice.at_rate(Some(10.0));
            // Four events have three gaps of 100 ms, and the second loop begins after a fourth.
            assert_eq!(times_ms(at_rate), [0, 100, 200, 300, 400, 500, 600, 700]);
        }
    }

    #[test]
    fn a_trace_without_times_has_no_schedule() {
        let (mut untimed, _place) = schedule(
            TraceFormat::KvReplay,
            "key,op,size\na,GET,1\nb,GET,1\n",
            1.0,
            2,
        );
        let error = untimed.next().unwrap().unwrap_err();
        assert!(matches!(error.fault, TraceFault::NoTime), "{error}");
        assert_eq!(error.place, TracePlace::Line(2));
        assert!(untimed.next().is_none());
    }
}
