//! Reader of the events of a trace, whatever its format.

use std::collections::VecDeque;
use std::path::Path;

use clap::ValueEnum;

use super::kv_replay::KvReplayColumns;
use super::monitor::MonitorLines;
use super::oracle_general::{self, RECORD};
use super::skipped_lines::SkippedLines;
use super::trace_error::{TraceError, TraceFault};
use super::trace_event::TraceEvent;
use super::trace_input::TraceInput;
use super::twitter;

/// Format of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceFormat {
    /// Twitter's cache-trace: time,key,key size,value size,client,operation,TTL
    Twitter,
    /// CSV for the replay of Meta's cachebench, with a header
    KvReplay,
    /// Binary records of libCacheSim, all of them reads
    OracleGeneral,
    /// Output of redis-cli MONITOR, as memtier's --monitor-input takes it
    Monitor,
}

impl TraceFormat {
    /// Returns the name of the format, as on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Twitter => "twitter",
            Self::KvReplay => "kv-replay",
            Self::OracleGeneral => "oracle-general",
            Self::Monitor => "monitor",
        }
    }

    /// Returns true if the format has times in whole seconds.
    pub(crate) fn counts_seconds(self) -> bool {
        self != Self::Monitor
    }
}

/// Events of a trace file in their order, without the lines that are no request. After an error, such
/// as one of the disk, there are no more.
#[derive(Debug)]
pub(crate) struct TraceReader {
    input: TraceInput,
    parser: Parser,
    format: TraceFormat,
    /// Events of the lines that were read, and how often each is still to be returned.
    pending: VecDeque<(TraceEvent, u32)>,
    skipped: SkippedLines,
    /// Events per second that replace the times of the trace; `None` if it keeps them.
    rate_per_s: Option<f64>,
    /// Number of events that were returned.
    returned: u64,
    ended: bool,
}

#[derive(Debug)]
enum Parser {
    Twitter,
    KvReplay(KvReplayColumns),
    OracleGeneral,
    Monitor(MonitorLines),
}

impl TraceReader {
    /// Opens `file`, which may be compressed with zstd or gzip.
    ///
    /// # Errors
    /// Fails if it cannot be opened, or has no header where the format needs one.
    pub(crate) fn open(file: &Path, format: TraceFormat) -> Result<Self, TraceError> {
        let mut input = TraceInput::open(file)?;
        let parser = match format {
            TraceFormat::Twitter => Parser::Twitter,
            TraceFormat::OracleGeneral => Parser::OracleGeneral,
            TraceFormat::Monitor => Parser::Monitor(MonitorLines::default()),
            TraceFormat::KvReplay => {
                input.next_line()?;
                let columns = input.line().and_then(KvReplayColumns::from_header);
                Parser::KvReplay(columns.map_err(|fault| input.error(fault))?)
            }
        };
        Ok(Self {
            input,
            parser,
            format,
            pending: VecDeque::new(),
            skipped: SkippedLines::default(),
            rate_per_s: None,
            returned: 0,
            ended: false,
        })
    }

    /// Replaces the times of the events, if they have any, by those of a constant rate.
    #[must_use]
    pub(crate) fn at_rate(mut self, rate_per_s: Option<f64>) -> Self {
        self.rate_per_s = rate_per_s;
        self
    }

    /// Returns true if the events have times in whole seconds.
    pub(crate) fn counts_seconds(&self) -> bool {
        self.rate_per_s.is_none() && self.format.counts_seconds()
    }

    /// Returns the lines that were left out so far.
    pub(crate) fn skipped(&self) -> &SkippedLines {
        &self.skipped
    }

    /// Returns the error of `fault` in the line or record that was read last.
    pub(crate) fn error(&self, fault: TraceFault) -> TraceError {
        self.input.error(fault)
    }

    /// Reads the next line or record into `pending`. Returns false if the file has ended.
    fn read(&mut self) -> Result<bool, TraceError> {
        if matches!(self.parser, Parser::OracleGeneral) {
            let mut record = [0; RECORD];
            let found = self.input.next_record(&mut record)?;
            if found {
                self.pending.push_back((oracle_general::parse(&record), 1));
            }
            return Ok(found);
        }
        if !self.input.next_line()? {
            return Ok(false);
        }
        let held = self.pending.len();
        let read = self.input.line().and_then(|line| match &mut self.parser {
            _ if line.trim().is_empty() => Ok(true),
            Parser::Twitter => twitter::parse(line).map(|event| {
                self.pending.push_back((event, 1));
                true
            }),
            Parser::KvReplay(columns) => columns.parse(line).map(|event| {
                self.pending.push_back(event);
                true
            }),
            Parser::Monitor(lines) => lines.read(line, &mut self.pending),
            Parser::OracleGeneral => Ok(true),
        });
        match read {
            Ok(true) => {}
            Ok(false) => self.skipped.count_command(self.input.place()),
            Err(fault) => {
                // A line is replayed as a whole or not at all.
                self.pending.truncate(held);
                self.skipped.count_faulty(self.input.place(), &fault);
            }
        }
        Ok(true)
    }
}

impl Iterator for TraceReader {
    type Item = Result<TraceEvent, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((event, left)) = self.pending.front_mut() {
                let mut event = *event;
                *left -= 1;
                if *left == 0 {
                    self.pending.pop_front();
                }
                if let Some(rate_per_s) = self.rate_per_s {
                    event.at_us = Some((self.returned as f64 * 1e6 / rate_per_s) as u64);
                }
                self.returned += 1;
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            match self.read() {
                Ok(found) => self.ended = !found,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
