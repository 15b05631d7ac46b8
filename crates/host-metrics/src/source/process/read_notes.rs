//! What the reads of a process gave, counted once for each process and kind.

use std::io;

use super::ProcessFields;
use super::detail_files::DetailFiles;
use crate::source::{Gaps, SourceError};

/// Results of the reads of one process.
pub(super) struct ReadNotes<'a> {
    gaps: &'a mut Gaps,
    asked: ProcessFields,
    unread: ProcessFields,
    unread_now: ProcessFields,
}

impl<'a> ReadNotes<'a> {
    pub(super) fn of(files: &DetailFiles, gaps: &'a mut Gaps) -> Self {
        Self {
            gaps,
            asked: files.asked,
            unread: files.unread,
            unread_now: ProcessFields::default(),
        }
    }

    /// Keeps what was read; notes the reason when nothing was, unless the process has gone.
    pub(super) fn keep<T>(
        &mut self,
        what: &'static str,
        of: fn(&mut ProcessFields) -> &mut bool,
        read: Result<T, SourceError>,
    ) -> Option<T> {
        let read = match read {
            Err(error) if has_gone(&error) => return None,
            read => read,
        };
        if !std::mem::replace(of(&mut self.asked), true) {
            self.gaps.asked(what);
        }
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                *of(&mut self.unread_now) = true;
                if !std::mem::replace(of(&mut self.unread), true) {
                    self.gaps.missing(what, &error);
                }
                None
            }
        }
    }

    /// What it was ever asked for, what of that it ever failed to tell, and what it did now.
    pub(super) fn close(self) -> (ProcessFields, ProcessFields, ProcessFields) {
        (self.asked, self.unread, self.unread_now)
    }
}

/// True if a read failed because the process is no more.
pub(super) fn has_gone(error: &SourceError) -> bool {
    let SourceError::Read { source, .. } = error else {
        return false;
    };
    source.raw_os_error() == Some(nix::libc::ESRCH) || source.kind() == io::ErrorKind::NotFound
}
