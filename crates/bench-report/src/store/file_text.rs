//! Text of files that anybody may have put into a run's directory: only regular files are read,
//! and only up to a bound.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;

use super::StoreError;

/// Largest size of a file that is read, in bytes. A report of an hour with 200 processes and 500
/// steps has about a tenth of it.
pub(super) const MOST_FILE_BYTES: u64 = 256 << 20;

/// Mark at the beginning of a text that some editors write before UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a text file in UTF-8, with a byte order mark at its beginning left out. Links are
/// followed. A pipe, a device or a socket is not opened, because reading it may never end.
///
/// # Errors
/// Fails if the file cannot be read, is not a regular file, is larger than [`MOST_FILE_BYTES`], or
/// is not UTF-8.
pub(super) fn read(path: &Path) -> Result<String, StoreError> {
    read_at_most(path, MOST_FILE_BYTES)
}

/// Reads a text file of at most `most` bytes; see [`read`].
pub(super) fn read_at_most(path: &Path, most: u64) -> Result<String, StoreError> {
    let unreadable = |source| StoreError::Read {
        path: path.to_owned(),
        source,
    };
    let too_large = || StoreError::TooLarge {
        path: path.to_owned(),
        most,
    };
    let file = open_regular(path)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // A file may grow while it is read, and files of /proc state no length.
    let mut bounded = file.take(most + 1);
    bounded.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(too_large());
    }
    let mut text = String::from_utf8(bytes).map_err(|e| StoreError::NotAReport {
        path: path.to_owned(),
        reason: format!(
            "it is not text in UTF-8 (byte {} of the file)",
            e.utf8_error().valid_up_to() + 1
        ),
    })?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    Ok(text)
}

/// Reads the first 4 KiB of a regular file, with replacement characters for what is not UTF-8.
pub(super) fn beginning(path: &Path) -> Result<String, StoreError> {
    let mut bytes = Vec::new();
    let read = open_regular(path)?.take(4_096).read_to_end(&mut bytes);
    read.map_err(|source| StoreError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Opens a regular file for reading.
///
/// # Errors
/// Fails if the file cannot be opened, or if it is not a regular file.
fn open_regular(path: &Path) -> Result<File, StoreError> {
    let unreadable = |source| StoreError::Read {
        path: path.to_owned(),
        source,
    };
    let not_regular = |kind| StoreError::NotAFile {
        path: path.to_owned(),
        kind,
    };
    // Looked at before it is opened, because opening a device may already act on it.
    let before = path.metadata().map_err(unreadable)?;
    if let Some(kind) = irregular(before.file_type()) {
        return Err(not_regular(kind));
    }
    // Another file may have taken its place since: opening a pipe then does not wait for a writer.
    let mut options = File::options();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = options.open(path).map_err(unreadable)?;
    let opened = file.metadata().map_err(unreadable)?;
    match irregular(opened.file_type()) {
        Some(kind) => Err(not_regular(kind)),
        None => Ok(file),
    }
}

/// Names the kind of a file that is not a regular one, as in `a pipe`; `None` for a regular file.
fn irregular(kind: std::fs::FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_file() => None,
        _ if kind.is_dir() => Some("a directory"),
        _ if kind.is_fifo() => Some("a pipe"),
        _ if kind.is_socket() => Some("a socket"),
        _ if kind.is_block_device() || kind.is_char_device() => Some("a device"),
        _ => Some("a special file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the entry `name` of a directory that `plant` filled, and returns the error.
    fn refusal(plant: impl FnOnce(&Path)) -> StoreError {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.json");
        plant(&path);
        read_at_most(&path, 100).unwrap_err()
    }

    #[test]
    fn what_never_ends_is_not_opened() {
        let mode = nix::sys::stat::Mode::S_IRWXU;
        let pipe = refusal(|path| nix::unistd::mkfifo(path, mode).unwrap());
        assert!(
            pipe.to_string()
                .ends_with("x.json is a pipe, and only regular files are read")
        );
        let zeros = refusal(|path| std::os::unix::fs::symlink("/dev/zero", path).unwrap());
        assert!(zeros.to_string().contains("is a device"), "{zeros}");
        let socket = refusal(|path| {
            std::os::unix::net::UnixListener::bind(path).unwrap();
        });
        assert!(socket.to_string().contains("is a socket"), "{socket}");
        let directory = refusal(|path| std::fs::create_dir(path).unwrap());
        assert!(
            directory.to_string().contains("is a directory"),
            "{directory}"
        );
    }

    #[test]
    fn a_link_is_read_if_it_leads_to_a_file() {
        let home = tempfile::tempdir().unwrap();
        let (file, link) = (home.path().join("file"), home.path().join("link"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(matches!(read(&link), Err(StoreError::Read { .. })));
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(read(&link).unwrap(), "{}");
        let itself = home.path().join("itself");
        std::os::unix::fs::symlink(&itself, &itself).unwrap();
        assert!(matches!(read(&itself), Err(StoreError::Read { .. })));
    }

    #[test]
    fn a_file_above_the_bound_is_refused_with_the_bound() {
        let large = refusal(|path| std::fs::write(path, "x".repeat(101)).unwrap());
        assert!(
            matches!(large, StoreError::TooLarge { most: 100, .. }),
            "{large}"
        );
        // Its length is stated as 0.
        let endless = read_at_most(Path::new("/proc/self/maps"), 100).unwrap_err();
        assert!(matches!(endless, StoreError::TooLarge { .. }), "{endless}");
    }

    #[test]
    fn other_encodings_are_told_and_a_byte_order_mark_is_left_out() {
        let latin = refusal(|path| std::fs::write(path, b"{\"a\": \"\xe9\"}").unwrap());
        assert!(
            latin.to_string().contains("not text in UTF-8 (byte 8"),
            "{latin}"
        );
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.json");
        std::fs::write(&path, "\u{feff}{}").unwrap();
        assert_eq!(read(&path).unwrap(), "{}");
    }
}
