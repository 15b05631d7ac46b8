//! Decompression of zstd: all frames of a file, one after the other, with their checksums.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// First bytes of a frame.
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// First bytes of a frame without content, but for the lower half of the first.
const SKIPPABLE: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];
/// Size of the largest window, in bytes: the one that the program `zstd` accepts without a flag.
const LARGEST_WINDOW: u64 = 128 << 20;

/// Content of a file of zstd.
pub(crate) struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    /// Creates the decompression of `source`.
    pub(crate) fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(LARGEST_WINDOW);
        Self {
            source,
            decoder,
            in_frame: false,
        }
    }

    /// Returns true if a file that begins with `bytes` is one of zstd.
    pub(crate) fn begin(bytes: &[u8]) -> bool {
        let skippable =
            |first: &[u8]| first[0] & 0xf0 == SKIPPABLE[0] && first[1..] == SKIPPABLE[1..];
        bytes
            .get(..4)
            .is_some_and(|first| first == FRAME || skippable(first))
    }

    /// Begins the next frame with content. Returns false if the file has ended.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut content = self.source.by_ref().take(u64::from(length));
                    io::copy(&mut content, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// Ends a frame of which everything was read.
    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        let wanted = self.decoder.get_checksum_from_data();
        if wanted.is_some() && wanted != self.decoder.get_calculated_checksum() {
            let text = "the content does not have the checksum of its zstd frame";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.end_frame()?;
                continue;
            }
            self.decoder
                .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(io::Error::other)?;
        }
        Ok(0)
    }
}

/// Compresses `content` as one frame with a checksum.
#[cfg(test)]
pub(crate) fn compressed(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        ZstdFrames::new(file).read_to_end(&mut content)?;
        Ok(content)
    }

    fn sample() -> Vec<u8> {
        (0..400_000_u32)
            .flat_map(|i| (i / 3).to_le_bytes())
            .collect()
    }

    #[test]
    fn frames_follow_each_other_and_those_without_content_are_skipped() {
        let skippable = [&SKIPPABLE[..], &[3, 0, 0, 0], b"xyz"].concat();
        let file = [
            &skippable[..],
            &compressed(b"one "),
            &compressed(b""),
            &skippable,
            &compressed(b"two"),
        ]
        .concat();
        assert_eq!(read(&file).unwrap(), b"one two");
        assert!(ZstdFrames::<&[u8]>::begin(&file));
        assert!(ZstdFrames::<&[u8]>::begin(&compressed(b"")));
        assert!(!ZstdFrames::<&[u8]>::begin(&file[..3]));
        assert!(!ZstdFrames::<&[u8]>::begin(b"key,op"));
    }

    #[test]
    fn content_of_many_blocks_comes_back_as_it_was() {
        assert_eq!(read(&compressed(&sample())).unwrap(), sample());
    }

    #[test]
    fn a_wrong_checksum_and_a_cut_are_errors() {
        let mut file = compressed(&sample());
        let length = file.len();
        assert!(read(&file[..length - 1]).is_err());
        assert!(read(&file[..length / 2]).is_err());
        file[length - 1] ^= 1;
        let error = read(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    }
}
