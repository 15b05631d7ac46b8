//! Lines of Redis's `MONITOR`, as `redis-cli MONITOR` prints them and memtier's `--monitor-input`
//! takes them.

use std::collections::VecDeque;

use super::quoted_words::QuotedWords;
use super::trace_error::{TraceFault, number};
use super::trace_event::{TraceEvent, TraceOperation, key_number};

/// Reader of the lines, with a buffer for the words of one.
#[derive(Debug, Default)]
pub(crate) struct MonitorLines {
    words: QuotedWords,
}

impl MonitorLines {
    /// Reads a line and appends its events, one for each key of the command. There is none if the
    /// line has no command, as the `OK` at the beginning. Returns false if its command is no read,
    /// write or removal of string keys.
    ///
    /// # Errors
    /// Fails if the words are cut off, or the command lacks one.
    pub(crate) fn read(
        &mut self,
        line: &str,
        events: &mut VecDeque<(TraceEvent, u32)>,
    ) -> Result<bool, TraceFault> {
        let Some(quote) = line.find('"') else {
            return Ok(true);
        };
        let (head, command) = line.split_at(quote);
        self.words.read(command)?;
        let at_us = head.split_whitespace().find_map(time_us);
        let read = |key: &[u8], operation| TraceEvent {
            at_us,
            key: key_number(key),
            key_bytes: Some(key.len() as u32),
            value_bytes: None,
            operation,
            ttl_ms: None,
        };
        let name = self.words.word(0).unwrap_or_default().to_ascii_uppercase();
        let mut add = |event| events.push_back((event, 1));
        match name.as_slice() {
            b"GET" | b"GETEX" => add(read(self.key()?, TraceOperation::Read)),
            b"GETDEL" => add(read(self.key()?, TraceOperation::Delete)),
            b"MGET" => self
                .keys()?
                .for_each(|key| add(read(key, TraceOperation::Read))),
            b"DEL" | b"UNLINK" => self
                .keys()?
                .for_each(|key| add(read(key, TraceOperation::Delete))),
            b"MSET" => {
                for (place, key) in (2..).zip(self.keys()?).step_by(2) {
                    let event = read(key, TraceOperation::Write);
                    add(with_value(event, self.at(place, "the value")?));
                }
            }
            b"SET" | b"SETNX" | b"GETSET" | b"SETEX" | b"PSETEX" => {
                let event = read(self.key()?, TraceOperation::Write);
                add(self.write(&name, event)?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Completes the event of a write of one key with its value and expiry.
    fn write(&self, name: &[u8], event: TraceEvent) -> Result<TraceEvent, TraceFault> {
        let (value, ttl_ms) = match name {
            b"SETEX" => (3, Some(self.amount(2)?.saturating_mul(1_000))),
            b"PSETEX" => (3, Some(self.amount(2)?)),
            b"SET" => (2, self.expiry(event.at_us)?),
            _ => (2, None),
        };
        let written = with_value(event, self.at(value, "the value")?);
        Ok(TraceEvent { ttl_ms, ..written })
    }

    /// Returns the time to live that the options of a `SET` at `at_us` give; `None` without one.
    fn expiry(&self, at_us: Option<u64>) -> Result<Option<u64>, TraceFault> {
        let until = |time_ms: u64| at_us.map(|now| time_ms.saturating_sub(now / 1_000).max(1));
        for (place, word) in (3..).zip(self.words.from(3)) {
            let amount = || self.amount(place + 1);
            match word.to_ascii_uppercase().as_slice() {
                b"EX" => return Ok(Some(amount()?.saturating_mul(1_000))),
                b"PX" => return Ok(Some(amount()?)),
                b"EXAT" => return Ok(until(amount()?.saturating_mul(1_000))),
                b"PXAT" => return Ok(until(amount()?)),
                _ => {}
            }
        }
        Ok(None)
    }

    fn key(&self) -> Result<&[u8], TraceFault> {
        self.at(1, "the key")
    }

    fn at(&self, index: usize, what: &'static str) -> Result<&[u8], TraceFault> {
        self.words.word(index).ok_or(TraceFault::Missing(what))
    }

    fn amount(&self, index: usize) -> Result<u64, TraceFault> {
        let text = String::from_utf8_lossy(self.at(index, "the time to live")?);
        number("the time to live", &text)
    }

    /// Returns all words after the name of the command, of which there must be one.
    fn keys(&self) -> Result<impl Iterator<Item = &[u8]>, TraceFault> {
        self.key()?;
        Ok(self.words.from(1))
    }
}

fn with_value(event: TraceEvent, value: &[u8]) -> TraceEvent {
    TraceEvent {
        value_bytes: Some(value.len() as u32),
        ..event
    }
}

/// Parses a time in seconds with up to six digits of its fraction, `1460100081.165665`. Returns it
/// in microseconds; `None` if `text` is something else.
fn time_us(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let seconds: u32 = seconds.parse().ok()?;
    let micros: u64 = format!("{fraction:0<6}").parse().ok()?;
    Some(u64::from(seconds) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "1460100081.165665 [0 127.0.0.1:51706] ";

    fn events(command: &str) -> Result<Vec<TraceEvent>, TraceFault> {
        let mut events = VecDeque::new();
        MonitorLines::default().read(&format!("{AT}{command}"), &mut events)?;
        assert!(events.iter().all(|(_, count)| *count == 1));
        Ok(events.into_iter().map(|(event, _)| event).collect())
    }

    fn event(operation: TraceOperation, key: &str, value_bytes: Option<u32>) -> TraceEvent {
        TraceEvent {
            at_us: Some(1_460_100_081_165_665),
            key: key_number(key.as_bytes()),
            key_bytes: Some(key.len() as u32),
            value_bytes,
            operation,
            ttl_ms: None,
        }
    }

    #[test]
    fn each_key_of_a_command_is_an_event() {
        use TraceOperation::{Delete, Read, Write};
        let cases = [
            (r#""get" "a""#, vec![event(Read, "a", None)]),
            (r#""GETEX" "a" "EX" "5""#, vec![event(Read, "a", None)]),
            (
                r#""mget" "a" "b""#,
                vec![event(Read, "a", None), event(Read, "b", None)],
            ),
            (r#""SET" "a" "sorting""#, vec![event(Write, "a", Some(7))]),
            (
                r#""SETNX" "a" "\x00\xff""#,
                vec![event(Write, "a", Some(2))],
            ),
            (r#""GETSET" "a" """#, vec![event(Write, "a", Some(0))]),
            (
                r#""MSET" "a" "1" "b" "22""#,
                vec![event(Write, "a", Some(1)), event(Write, "b", Some(2))],
            ),
            (
                r#""DEL" "a" "b""#,
                vec![event(Delete, "a", None), event(Delete, "b", None)],
            ),
            (r#""UNLINK" "a""#, vec![event(Delete, "a", None)]),
            (r#""GETDEL" "a""#, vec![event(Delete, "a", None)]),
        ];
        for (command, wanted) in cases {
            assert_eq!(events(command).unwrap(), wanted, "{command}");
        }
    }

    #[test]
    fn an_expiry_is_read_from_all_forms_of_set() {
        let cases = [
            (r#""SET" "a" "v" "EX" "60""#, 60_000),
            (r#""SET" "a" "v" "NX" "px" "1500""#, 1_500),
            (r#""SET" "a" "v" "EXAT" "1460100091""#, 9_835),
            (r#""SET" "a" "v" "PXAT" "1460100081265""#, 100),
            (r#""SET" "a" "v" "PXAT" "1""#, 1),
            (r#""SETEX" "a" "7" "v""#, 7_000),
            (r#""PSETEX" "a" "7" "v""#, 7),
        ];
        for (command, ttl_ms) in cases {
            let wanted = TraceEvent {
                ttl_ms: Some(ttl_ms),
                ..event(TraceOperation::Write, "a", Some(1))
            };
            assert_eq!(events(command).unwrap(), [wanted], "{command}");
        }
    }

    #[test]
    fn other_commands_are_told_and_lines_without_command_are_none() {
        let mut lines = MonitorLines::default();
        let mut events = VecDeque::new();
        for (line, is_replayed) in [
            ("OK", true),
            ("", true),
            (r#"1.5 [0 x] "PING""#, false),
            (r#"2.5 [0 x] "HGET" "h" "f""#, false),
        ] {
            assert_eq!(
                lines.read(line, &mut events).unwrap(),
                is_replayed,
                "{line}"
            );
        }
        assert!(events.is_empty());
    }

    #[test]
    fn a_time_is_found_behind_a_label_and_may_be_missing() {
        let cases = [
            (
                r#"[ proxy49 ] 1764031576.604009 [0 172.16.10.147:51682] "GET" "a""#,
                Some(1_764_031_576_604_009),
            ),
            (r#"12.5 [0 lua] "GET" "a""#, Some(12_500_000)),
            (r#""GET" "a""#, None),
            (r#"1.1234567 [0 10.0.0.1:6] "GET" "a""#, None),
        ];
        for (line, at_us) in cases {
            let mut events = VecDeque::new();
            MonitorLines::default().read(line, &mut events).unwrap();
            assert_eq!(events[0].0.at_us, at_us, "{line}");
        }
    }

    #[test]
    fn a_command_that_is_cut_off_is_refused_with_the_reason() {
        let cases = [
            (r#""GET" "a"#, "a quoted word has no end"),
            (r#""GET""#, "the key is missing"),
            (r#""MGET""#, "the key is missing"),
            (r#""DEL""#, "the key is missing"),
            (r#""MSET""#, "the key is missing"),
            (r#""MSET" "a" "1" "b""#, "the value is missing"),
            (r#""SET" "a""#, "the value is missing"),
            (r#""SET" "a" "v" "EX""#, "the time to live is missing"),
            (
                r#""SET" "a" "v" "EX" "soon""#,
                "the time to live is no whole number",
            ),
        ];
        for (command, part) in cases {
            let said = events(command).unwrap_err().to_string();
            assert!(said.contains(part), "{command}: {said}");
        }
    }
}
