//! Tests of whole traces in all formats: what is written comes back, at which times, and from what
//! is left of a file that was cut off.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use test_support::TestDirectory;

use super::spread::Spread;
use super::trace_error::{TraceError, TracePlace};
use super::trace_event::{TraceEvent, TraceOperation, key_number};
use super::trace_reader::{TraceFormat, TraceReader};
use super::zstd_frames::compressed;

const FORMATS: [TraceFormat; 4] = [
    TraceFormat::Twitter,
    TraceFormat::KvReplay,
    TraceFormat::OracleGeneral,
    TraceFormat::Monitor,
];

/// Event as a test plants it, before it is written in a format.
#[derive(Debug, Clone)]
struct Planted {
    seconds: u32,
    key: String,
    value_bytes: u32,
    operation: TraceOperation,
    ttl_s: u32,
    count: u32,
}

fn planted() -> impl Strategy<Value = Planted> {
    let operation = prop_oneof![
        Just(TraceOperation::Read),
        Just(TraceOperation::Write),
        Just(TraceOperation::Delete),
    ];
    (
        any::<u32>(),
        "[!-~]{0,12}",
        any::<u32>(),
        operation,
        any::<u32>(),
        1..4_u32,
    )
        .prop_map(
            |(seconds, key, value_bytes, operation, ttl_s, count)| Planted {
                seconds,
                key,
                value_bytes,
                operation,
                ttl_s,
                count,
            },
        )
}

impl Planted {
    fn word(&self, words: [&'static str; 3]) -> &'static str {
        match self.operation {
            TraceOperation::Read => words[0],
            TraceOperation::Write => words[1],
            TraceOperation::Delete => words[2],
        }
    }

    /// Returns the event with all that a format can hold.
    fn event(&self) -> TraceEvent {
        TraceEvent {
            at_us: Some(u64::from(self.seconds) * 1_000_000),
            key: key_number(self.key.as_bytes()),
            key_bytes: Some(self.key.len() as u32),
            value_bytes: Some(self.value_bytes),
            operation: self.operation,
            ttl_ms: (self.ttl_s > 0).then(|| u64::from(self.ttl_s) * 1_000),
        }
    }

    fn twitter(&self) -> String {
        let Self {
            seconds,
            key,
            value_bytes,
            ttl_s,
            ..
        } = self;
        let operation = self.word(["get", "set", "delete"]);
        let length = key.len();
        format!("{seconds},{key},{length},{value_bytes},9,{operation},{ttl_s}\n")
    }

    /// Returns the line of the format of `CacheLib`, whose keys have no commas.
    fn kv_replay(&self) -> String {
        let Self {
            seconds,
            value_bytes,
            ttl_s,
            count,
            ..
        } = self;
        let operation = self.word(["GET", "SET", "DELETE"]);
        format!(
            "{},{operation},{value_bytes},{count},{seconds},{ttl_s}\n",
            self.kv_key()
        )
    }

    fn kv_key(&self) -> String {
        self.key.replace(',', ";")
    }

    fn kv_event(&self) -> TraceEvent {
        TraceEvent {
            key: key_number(self.kv_key().as_bytes()),
            ..self.event()
        }
    }

    fn record(&self) -> [u8; 24] {
        let mut record = [0; 24];
        record[..4].copy_from_slice(&self.seconds.to_le_bytes());
        record[4..12].copy_from_slice(&key_number(self.key.as_bytes()).to_le_bytes());
        record[12..16].copy_from_slice(&self.value_bytes.to_le_bytes());
        record[16..].copy_from_slice(&(-1_i64).to_le_bytes());
        record
    }

    fn oracle_event(&self) -> TraceEvent {
        TraceEvent {
            key_bytes: None,
            operation: TraceOperation::Read,
            ttl_ms: None,
            ..self.event()
        }
    }

    /// Returns the line of `MONITOR`, with a value whose length is the seed's remainder.
    fn monitor(&self) -> String {
        let key = self.key.replace('\\', "\\\\").replace('"', "\\\"");
        let mut line = format!(
            "{}.{:06} [0 127.0.0.1:5] ",
            self.seconds,
            self.value_bytes % 1_000_000
        );
        match self.operation {
            TraceOperation::Read => write!(line, "\"GET\" \"{key}\""),
            TraceOperation::Delete => write!(line, "\"UNLINK\" \"{key}\""),
            TraceOperation::Write => {
                let value = "v".repeat((self.value_bytes % 50) as usize);
                write!(
                    line,
                    "\"SET\" \"{key}\" \"{value}\" \"PX\" \"{}\"",
                    self.ttl_s
                )
            }
        }
        .unwrap();
        line.push_str("\r\n");
        line
    }

    fn monitor_event(&self) -> TraceEvent {
        let written = self.operation == TraceOperation::Write;
        let micros = u64::from(self.value_bytes % 1_000_000);
        TraceEvent {
            at_us: Some(u64::from(self.seconds) * 1_000_000 + micros),
            value_bytes: written.then_some(self.value_bytes % 50),
            ttl_ms: written.then_some(u64::from(self.ttl_s)),
            ..self.event()
        }
    }
}

fn read(
    place: &TestDirectory,
    format: TraceFormat,
    content: &[u8],
) -> (Vec<TraceEvent>, Option<TraceError>) {
    let file = place.path().join("trace");
    fs::write(&file, content).unwrap();
    let (mut events, mut error) = (Vec::new(), None);
    match TraceReader::open(&file, format) {
        Err(failed) => error = Some(failed),
        Ok(reader) => {
            for item in reader {
                assert!(error.is_none(), "an event after an error");
                match item {
                    Ok(event) => events.push(event),
                    Err(failed) => error = Some(failed),
                }
            }
        }
    }
    (events, error)
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Checks that `content`, and the same compressed, is read as exactly `wanted`. Of a file that is
/// cut off at any byte, the events must be the first of `wanted`.
fn assert_read(
    format: TraceFormat,
    content: &[u8],
    wanted: &[TraceEvent],
    cut: prop::sample::Index,
) {
    let place = TestDirectory::new();
    for file in [content.to_vec(), gzip(content), compressed(content)] {
        let (events, error) = read(&place, format, &file);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(events, wanted);
    }
    let (events, error) = read(&place, format, &content[..cut.index(content.len() + 1)]);
    // The last line may have lost digits of its last number, or the options of a command.
    let whole = events.len().saturating_sub(1);
    assert_eq!(events[..whole], wanted[..whole]);
    assert!(events.len() < wanted.len() || error.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_in_a_format_comes_back(
        planted in prop::collection::vec(planted(), 0..30),
        cut: prop::sample::Index,
    ) {
        let text = |line: fn(&Planted) -> String| planted.iter().map(line).collect::<String>();
        let events = |event: fn(&Planted) -> TraceEvent| planted.iter().map(event).collect::<Vec<_>>();
        let twitter = text(Planted::twitter);
        assert_read(TraceFormat::Twitter, twitter.as_bytes(), &events(Planted::event), cut);
        let monitor = text(Planted::monitor);
        assert_read(TraceFormat::Monitor, monitor.as_bytes(), &events(Planted::monitor_event), cut);
        let records: Vec<u8> = planted.iter().flat_map(Planted::record).collect();
        assert_read(TraceFormat::OracleGeneral, &records, &events(Planted::oracle_event), cut);
        let kept = cut.index(records.len() + 1);
        let (whole, error) = read(&TestDirectory::new(), TraceFormat::OracleGeneral, &records[..kept]);
        prop_assert_eq!(whole.len(), kept / 24);
        let offset = TracePlace::Offset(kept as u64 / 24 * 24);
        prop_assert_eq!(error.map(|error| error.place), (kept % 24 > 0).then_some(offset));
        let counted: Vec<TraceEvent> = planted
            .iter()
            .flat_map(|planted| vec![planted.kv_event(); planted.count as usize])
            .collect();
        let kv_replay = format!("key,op,size,op_count,op_time,ttl\n{}", text(Planted::kv_replay));
        let (events, error) = read(&TestDirectory::new(), TraceFormat::KvReplay, kv_replay.as_bytes());
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(events, counted);
    }

    /// Whatever a file holds, reading it ends, and not by a panic.
    #[test]
    fn any_content_is_read_or_refused(
        content in prop::collection::vec(any::<u8>(), 0..300),
        line in "[-0-9A-Za-z,\"\\\\ .\\[\\]\n]{0,200}",
    ) {
        let place = TestDirectory::new();
        for format in FORMATS {
            for content in [&content, line.as_bytes(), &compressed(&content)[..]] {
                let (events, _) = read(&place, format, content);
                prop_assert!(events.len() <= 300);
            }
        }
    }

    #[test]
    fn a_compressed_file_with_wrong_bytes_is_refused(
        numbers in prop::collection::vec(0..5_000_u32, 1..2_000),
        place: prop::sample::Index,
        flip in 1..=255_u8,
    ) {
        let records: Vec<u8> = numbers.iter().flat_map(|n| [u64::from(*n), 1, 1]).flat_map(u64::to_le_bytes).collect();
        let whole = read(&TestDirectory::new(), TraceFormat::OracleGeneral, &records).0;
        let mut file = compressed(&records);
        let at = place.index(file.len());
        file[at] ^= flip;
        let (events, error) = read(&TestDirectory::new(), TraceFormat::OracleGeneral, &file);
        prop_assert!(error.is_some() || events == whole || at < 4, "byte {}", at);
    }

    #[test]
    fn times_are_spread_in_order_and_stay_in_their_second(
        seconds in prop::collection::vec(0..5_u32, 1..60),
    ) {
        let lines: Vec<String> = seconds.iter().map(|s| format!("{s},a,1,1,1,get,0\n")).collect();
        let place = TestDirectory::new();
        let file = place.path().join("trace");
        fs::write(&file, lines.concat()).unwrap();
        let mut spread = Spread::new(TraceReader::open(&file, TraceFormat::Twitter).unwrap());
        let times: Vec<u64> = spread.by_ref().map(|event| event.unwrap().at_ns).collect();
        prop_assert_eq!(times.len(), seconds.len());
        prop_assert!(times.is_sorted());
        let mut running = seconds[0];
        let mut late = 0;
        for (at, second) in times.iter().zip(&seconds) {
            late += u64::from(*second < running);
            running = running.max(*second);
            prop_assert_eq!(at / 1_000_000_000, u64::from(running - seconds[0]));
        }
        prop_assert_eq!(spread.out_of_order(), late);
    }
}

#[test]
fn an_error_of_the_header_names_its_line() {
    let place = TestDirectory::new();
    for content in ["", "1668,GET,0\n"] {
        let (events, error) = read(&place, TraceFormat::KvReplay, content.as_bytes());
        assert!(events.is_empty());
        assert_eq!(error.unwrap().place, TracePlace::Line(1));
    }
}
