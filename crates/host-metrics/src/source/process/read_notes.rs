//! Outcomes of the reads of one process, which count a process once for each figure.

use std::io;

use super::ProcessFields;
use super::detail_files::DetailFiles;
use crate::source::{Gaps, SourceError};

/// Outcomes of the reads of one process, recorded in the gaps of the source. A process counts once
/// for each figure, however often it is read.
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

    /// Returns the value that was read of the figure `what`, whose flag `of` selects. If the read
    /// failed, returns `None` and records the reason, unless the process has ended.
    pub(super) fn keep<T>(
        &mut self,
        what: &'static str,
        of: fn(&mut ProcessFields) -> &mut bool,
        read: Result<T, SourceError>,
    ) -> Option<T> {
        let read = match read {
            Err(error) if has_ended(&error) => return None,
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

    /// Returns three sets of figures of the process: those ever requested, those that ever failed,
    /// and those that failed in this read.
    pub(super) fn close(self) -> (ProcessFields, ProcessFields, ProcessFields) {
        (self.asked, self.unread, self.unread_now)
    }
}

/// Returns true if the read failed because the process no longer exists.
pub(super) fn has_ended(error: &SourceError) -> bool {
    let SourceError::Read { source, .. } = error else {
        return false;
    };
    source.raw_os_error() == Some(nix::libc::ESRCH) || source.kind() == io::ErrorKind::NotFound
}
