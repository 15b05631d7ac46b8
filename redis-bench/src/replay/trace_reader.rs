//! Reader of the events of a trace, whatever its format.

use std::collections::VecDeque;
use std::path::Path;

use super::kv_replay::KvReplayColumns;
use super::monitor::MonitorLines;
use super::oracle_general::{self, RECORD};
use super::trace_error::{TraceError, TraceFault};
use super::trace_event::TraceEvent;
use super::trace_input::TraceInput;
use super::twitter;

/// Format of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TraceFormat {
    /// Text of Twitter's cache servers.
    Twitter,
    /// Text for the replay of `CacheLib`.
    KvReplay,
    /// Binary records of libCacheSim.
    OracleGeneral,
    /// Output of Redis's `MONITOR`.
    Monitor,
}

impl TraceFormat {
    /// Returns true if the format has times in whole seconds.
    pub(crate) fn counts_seconds(self) -> bool {
        self != Self::Monitor
    }
}

/// Events of a trace file in their order. After an error there are no more.
#[derive(Debug)]
pub(crate) struct TraceReader {
    input: TraceInput,
    parser: Parser,
    format: TraceFormat,
    /// Events of the lines that were read, and how often each is still to be returned.
    pending: VecDeque<(TraceEvent, u32)>,
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
                let columns = KvReplayColumns::from_header(input.line());
                Parser::KvReplay(columns.map_err(|fault| input.error(fault))?)
            }
        };
        Ok(Self {
            input,
            parser,
            format,
            pending: VecDeque::new(),
            ended: false,
        })
    }

    /// Returns the format that the file is read in.
    pub(crate) fn format(&self) -> TraceFormat {
        self.format
    }

    /// Returns the number of commands that were skipped so far, because a replay does not send such.
    pub(crate) fn skipped(&self) -> u64 {
        match &self.parser {
            Parser::Monitor(lines) => lines.skipped(),
            _ => 0,
        }
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
        let line = self.input.line();
        let read = match &mut self.parser {
            Parser::Twitter => twitter::parse(line).map(|event| self.pending.push_back((event, 1))),
            Parser::KvReplay(columns) => columns
                .parse(line)
                .map(|event| self.pending.push_back(event)),
            Parser::Monitor(lines) => lines.read(line, &mut self.pending),
            Parser::OracleGeneral => Ok(()),
        };
        read.map_err(|fault| self.input.error(fault))?;
        Ok(true)
    }
}

impl Iterator for TraceReader {
    type Item = Result<TraceEvent, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((event, left)) = self.pending.front_mut() {
                let event = *event;
                *left -= 1;
                if *left == 0 {
                    self.pending.pop_front();
                }
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            match self.read() {
                Ok(found) => self.ended = !found,
                Err(error) => {
                    self.ended = true;
                    // A line is replayed as a whole or not at all.
                    self.pending.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}
