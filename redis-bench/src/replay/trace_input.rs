//! Content of a trace file as lines or records: decompressed as it is read, never whole in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::trace_error::{LONGEST_LINE, TraceError, TraceFault, TracePlace};
use super::zstd_frames::ZstdFrames;

/// Size of the buffers for the file and for what is decompressed, in bytes.
const BUFFER: usize = 128 << 10;
/// First bytes of a file of gzip: its magic number, and the only method of compression.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Open trace file. A file that begins as one of zstd or gzip is decompressed.
pub(crate) struct TraceInput {
    file: PathBuf,
    content: Box<dyn BufRead + Send>,
    place: TracePlace,
    /// Number of bytes of all records before the next one.
    offset: u64,
    line: Vec<u8>,
}

impl std::fmt::Debug for TraceInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceInput")
            .field("file", &self.file)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl TraceInput {
    /// Opens `file`.
    ///
    /// # Errors
    /// Fails if it cannot be opened, or its first bytes cannot be read.
    pub(crate) fn open(file: &Path) -> Result<Self, TraceError> {
        let place = TracePlace::Line(0);
        let content = content(file).map_err(|error| TraceError {
            file: file.to_owned(),
            place,
            fault: error.into(),
        })?;
        Ok(Self {
            file: file.to_owned(),
            content,
            place,
            offset: 0,
            line: Vec::new(),
        })
    }

    /// Reads the next line, which [`line`](Self::line) then returns. Returns false if the file has
    /// ended.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or if the line is too long.
    pub(crate) fn next_line(&mut self) -> Result<bool, TraceError> {
        let number = match self.place {
            TracePlace::Line(line) => line + 1,
            TracePlace::Offset(_) => 1,
        };
        self.place = TracePlace::Line(number);
        self.line.clear();
        let mut bounded = self.content.by_ref().take(LONGEST_LINE as u64);
        let length = bounded.read_until(b'\n', &mut self.line);
        let length = length.map_err(|error| self.error(error.into()))?;
        if length == LONGEST_LINE && !self.line.ends_with(b"\n") {
            return Err(self.error(TraceFault::LongLine));
        }
        Ok(length > 0)
    }

    /// Returns the line that was read last, without its end.
    ///
    /// # Errors
    /// Fails if the line is no UTF-8 text.
    pub(crate) fn line(&self) -> Result<&str, TraceFault> {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        str::from_utf8(line).map_err(|_| TraceFault::NoText)
    }

    /// Reads the next record into `record`. Returns false if the file has ended.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or ends within the record.
    pub(crate) fn next_record(&mut self, record: &mut [u8]) -> Result<bool, TraceError> {
        self.place = TracePlace::Offset(self.offset);
        let mut found = 0;
        while found < record.len() {
            match self.content.read(&mut record[found..]) {
                Ok(0) => break,
                Ok(bytes) => found += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(error.into())),
            }
        }
        self.offset += found as u64;
        if found == 0 {
            return Ok(false);
        }
        let wanted = record.len();
        if found < wanted {
            return Err(self.error(TraceFault::CutOff { found, wanted }));
        }
        Ok(true)
    }

    /// Returns the place of the line or record that was read last.
    pub(crate) fn place(&self) -> TracePlace {
        self.place
    }

    /// Returns the error of `fault` in the line or record that was read last.
    pub(crate) fn error(&self, fault: TraceFault) -> TraceError {
        TraceError {
            file: self.file.clone(),
            place: self.place,
            fault,
        }
    }
}

/// Opens `file`, and puts the decompression before it that its first bytes ask for.
fn content(file: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut content = BufReader::with_capacity(BUFFER, File::open(file)?);
    let first = content.fill_buf()?;
    if first.starts_with(&GZIP) {
        let gzip = MultiGzDecoder::new(content);
        return Ok(Box::new(BufReader::with_capacity(BUFFER, gzip)));
    }
    if ZstdFrames::<&[u8]>::begin(first) {
        let frames = ZstdFrames::new(content);
        return Ok(Box::new(BufReader::with_capacity(BUFFER, frames)));
    }
    Ok(Box::new(content))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use test_support::TestDirectory;

    use super::super::zstd_frames::compressed;
    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn open(place: &TestDirectory, content: &[u8]) -> TraceInput {
        let file = place.path().join("trace");
        fs::write(&file, content).unwrap();
        TraceInput::open(&file).unwrap()
    }

    #[test]
    fn lines_are_the_same_in_each_compression() {
        let place = TestDirectory::new();
        let text = b"one\r\n\ntwo\nlast";
        for content in [text.to_vec(), gzip(text), compressed(text)] {
            let mut input = open(&place, &content);
            let mut lines = Vec::new();
            while input.next_line().unwrap() {
                lines.push(input.line().unwrap().to_owned());
            }
            assert_eq!(lines, ["one", "", "two", "last"]);
        }
    }

    #[test]
    fn a_record_that_is_cut_off_is_an_error_at_its_offset() {
        let place = TestDirectory::new();
        let mut input = open(&place, &[7; 11]);
        let mut record = [0; 4];
        assert!(input.next_record(&mut record).unwrap());
        assert!(input.next_record(&mut record).unwrap());
        let error = input.next_record(&mut record).unwrap_err();
        assert_eq!(error.place, TracePlace::Offset(8));
        assert!(error.to_string().ends_with("cut off after 3 of 4 bytes"));
        assert!(!input.next_record(&mut record).unwrap());
    }

    #[test]
    fn a_file_without_lines_is_not_loaded() {
        let place = TestDirectory::new();
        let mut input = open(&place, &vec![b'x'; LONGEST_LINE + 5]);
        let error = input.next_line().unwrap_err();
        assert!(matches!(error.fault, TraceFault::LongLine), "{error}");
        assert!(error.to_string().contains("line 1"), "{error}");
    }

    #[test]
    fn compressed_files_that_are_cut_off_are_errors_with_the_line() {
        let place = TestDirectory::new();
        let numbers: Vec<String> = (0..20_000).map(|i| format!("{}\n", i * 7_919)).collect();
        let text = numbers.concat();
        for whole in [gzip(text.as_bytes()), compressed(text.as_bytes())] {
            for kept in [whole.len() - 1, whole.len() - 9, whole.len() / 2] {
                let mut input = open(&place, &whole[..kept]);
                let mut lines = 0;
                let error = loop {
                    match input.next_line() {
                        Ok(true) => lines += 1,
                        Ok(false) => panic!("{kept} of {} bytes read as all", whole.len()),
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.place, TracePlace::Line(lines + 1));
            }
        }
    }

    #[test]
    fn a_file_that_is_missing_is_an_error() {
        let place = TestDirectory::new();
        let error = TraceInput::open(&place.path().join("none")).unwrap_err();
        assert!(
            error.to_string().contains("none, before its first line"),
            "{error}"
        );
    }

    #[test]
    fn a_line_that_is_no_text_does_not_hide_the_next_one() {
        let place = TestDirectory::new();
        let mut input = open(&place, b"\xff\nb\n");
        assert!(input.next_line().unwrap());
        assert!(matches!(input.line(), Err(TraceFault::NoText)));
        assert!(input.next_line().unwrap());
        assert_eq!(input.line().unwrap(), "b");
    }
}
