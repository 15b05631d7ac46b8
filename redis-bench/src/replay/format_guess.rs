//! Format of a trace, found from its name and its first line.

use std::collections::VecDeque;
use std::path::Path;

use super::kv_replay::KvReplayColumns;
use super::monitor::MonitorLines;
use super::trace_error::TraceError;
use super::trace_input::TraceInput;
use super::trace_reader::TraceFormat;
use super::twitter;

/// Largest number of lines that are looked at.
const LINES: usize = 3;

/// Returns the format of `file` if its content leaves no doubt: a first line that is a request of one
/// format and of no other, or binary content under a name with the words of libCacheSim. `None`
/// otherwise.
///
/// # Errors
/// Fails if the file cannot be opened.
pub(crate) fn format_of(file: &Path) -> Result<Option<TraceFormat>, TraceError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_binary = name.to_ascii_lowercase().contains("oraclegeneral");
    let mut input = TraceInput::open(file)?;
    for _ in 0..LINES {
        // Binary content may have no lines.
        match input.next_line() {
            Ok(true) => {}
            Ok(false) | Err(_) => break,
        }
        if let Some(found) = input.line().ok().and_then(of_line) {
            return Ok(Some(found));
        }
    }
    Ok(is_binary.then_some(TraceFormat::OracleGeneral))
}

fn of_line(line: &str) -> Option<TraceFormat> {
    if twitter::parse(line).is_ok() {
        return Some(TraceFormat::Twitter);
    }
    if KvReplayColumns::from_header(line).is_ok() {
        return Some(TraceFormat::KvReplay);
    }
    let is_monitor = line.contains("] \"")
        && MonitorLines::default()
            .read(line, &mut VecDeque::new())
            .is_ok();
    is_monitor.then_some(TraceFormat::Monitor)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use test_support::TestDirectory;

    use super::*;

    #[test]
    fn the_format_is_found_from_content_that_leaves_no_doubt() {
        let place = TestDirectory::new();
        let found = |name: &str, content: &[u8]| {
            let file = place.path().join(name);
            fs::write(&file, content).unwrap();
            format_of(&file).unwrap()
        };
        let twitter = b"0,nz:u:e,6,0,3,get,0\n";
        assert_eq!(found("a.csv", twitter), Some(TraceFormat::Twitter));
        let kv_replay = b"op_time,key,key_size,op,op_count,size,cache_hits,ttl\n1,2,3\n";
        assert_eq!(found("a.csv", kv_replay), Some(TraceFormat::KvReplay));
        let monitor = b"OK\n1460100081.165665 [0 127.0.0.1:51706] \"PING\"\n";
        assert_eq!(found("a.txt", monitor), Some(TraceFormat::Monitor));
        let latin_1 = b"1.5 [0 unix:/tmp/caf\xe9] \"PING\"\n1.6 [0 lua] \"PING\"\n";
        assert_eq!(found("a.txt", latin_1), Some(TraceFormat::Monitor));
        let record = [7_u8, 0, 0, 255].repeat(12);
        let named = found("w.oracleGeneral.bin", &record);
        assert_eq!(named, Some(TraceFormat::OracleGeneral));
        assert_eq!(found("w.bin", &record), None);
        assert_eq!(found("a.csv", b"1,2,3\n"), None);
        assert_eq!(found("a.csv", b""), None);
        assert!(format_of(&place.path().join("none")).is_err());
    }
}
