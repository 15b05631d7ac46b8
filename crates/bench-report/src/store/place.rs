//! File of a report, and the replacement that is used while that file cannot be written.
//!
//! A load may run for hours, and meanwhile its disk may fill up or its directory may be removed.
//! The measurements are not lost then: the report goes to a private directory in one of the usual
//! places for temporary files, until its own file can be written again.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Report;
use crate::store::{ReportFile, StoreError};

/// Directories that are tried, in this order, after the system's directory for temporary files.
/// The last is in memory, so a full disk does not affect it.
const SPARE_DIRECTORIES: [&str; 2] = ["/var/tmp", IN_MEMORY];
const IN_MEMORY: &str = "/dev/shm";

/// Error of a save that could not write the report's own file.
#[derive(Debug, thiserror::Error)]
pub struct Unsaved {
    /// Reason for which the report's own file could not be written.
    pub source: StoreError,
    /// Path to which the report was saved instead; `None` if no other place could be written
    /// either.
    pub spare: Option<PathBuf>,
}

impl fmt::Display for Unsaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot save the report: {}", self.source)?;
        match &self.spare {
            // The report itself cannot be saved, so another place would not help.
            None if matches!(self.source, StoreError::Unreadable { .. }) => Ok(()),
            None => write!(f, "; no other place could be written either"),
            Some(path) if path.starts_with(IN_MEMORY) => write!(
                f,
                "; it is in {} instead, which is memory and gone after a restart",
                path.display()
            ),
            Some(path) => write!(f, "; it is in {} instead", path.display()),
        }
    }
}

/// File of a report that is saved repeatedly while a load runs, with a replacement while that file
/// cannot be written.
#[derive(Debug)]
pub struct ReportPlace {
    own: ReportFile,
    spare: Option<Spare>,
}

/// Private directory with a copy of a report, while the report's own file cannot be written.
#[derive(Debug)]
struct Spare {
    directory: PathBuf,
    file: ReportFile,
}

impl ReportPlace {
    /// Claims `path`: creates its directory, and writes `report` in its present state. Replaces a
    /// file that exists.
    ///
    /// # Errors
    /// Fails if the file cannot be written. No other place is tried before the load starts.
    pub fn claim(path: &Path, report: &Report) -> Result<Self, StoreError> {
        Ok(Self {
            own: ReportFile::create(path, report)?,
            spare: None,
        })
    }

    /// Claims a free name in `directory`, such as `db-pool-bench.sweep.json` or
    /// `db-pool-bench.sweep.2.json`, and writes `report` in its present state.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written. No other place is tried before the load starts.
    pub fn claim_beside(directory: &Path, report: &Report) -> Result<Self, StoreError> {
        Ok(Self {
            own: ReportFile::create_beside(directory, report)?,
            spare: None,
        })
    }

    /// Returns the path of the report's own file, even while the report is saved elsewhere.
    pub fn path(&self) -> &Path {
        self.own.path()
    }

    /// Saves the report to its own file, or to another place if that cannot be written.
    ///
    /// # Errors
    /// Fails if the report's own file cannot be written, even if another place could; the error
    /// names that place. The own file then keeps its previous content.
    pub fn save(&mut self, report: &Report) -> Result<(), Unsaved> {
        let Err(source) = self.own.save(report) else {
            self.remove_spare();
            return Ok(());
        };
        Err(Unsaved {
            source,
            spare: self.save_elsewhere(report),
        })
    }

    fn save_elsewhere(&mut self, report: &Report) -> Option<PathBuf> {
        let known = self.spare.take();
        let known = known.filter(|spare| spare.file.save(report).is_ok());
        self.spare = known.or_else(|| {
            let directories = SPARE_DIRECTORIES.map(PathBuf::from);
            std::iter::once(std::env::temp_dir())
                .chain(directories)
                .find_map(|directory| Spare::make(&directory, self.own.path(), report))
        });
        Some(self.spare.as_ref()?.file.path().to_owned())
    }

    /// Removes the copy in another place, once the report is in its own file again.
    fn remove_spare(&mut self) {
        if let Some(spare) = self.spare.take() {
            let _ = std::fs::remove_file(spare.file.path());
            let _ = std::fs::remove_dir(spare.directory);
        }
    }
}

impl Spare {
    /// Creates a private directory in `parent` and saves the report in it under the file name of
    /// `own`. `None` if that fails. The directory must be private because all users share the
    /// places for temporary files.
    fn make(parent: &Path, own: &Path, report: &Report) -> Option<Self> {
        let directory = tempfile::Builder::new()
            .prefix("plimsoll-report-")
            .tempdir_in(parent)
            .ok()?;
        let path = directory.path().join(own.file_name()?);
        let file = ReportFile::create(&path, report).ok()?;
        Some(Self {
            directory: directory.keep(),
            file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::report::begun as report;
    use crate::{Status, store};

    #[test]
    fn a_directory_that_was_removed_is_made_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run/r.json");
        let mut report = report();
        let mut place = ReportPlace::claim(&path, &report).unwrap();
        std::fs::remove_dir_all(home.path().join("run")).unwrap();
        report.status = Status::Complete;
        place.save(&report).unwrap();
        assert_eq!(store::load(&path).unwrap(), report);
    }

    #[test]
    fn a_report_without_its_place_is_elsewhere_until_it_has_it_again() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        let path = run.join("r.json");
        let mut report = report();
        let mut place = ReportPlace::claim(&path, &report).unwrap();
        std::fs::remove_dir_all(&run).unwrap();
        std::fs::write(&run, "somebody's file").unwrap();
        let unsaved = place.save(&report).unwrap_err();
        let spare = unsaved.spare.clone().unwrap();
        let told = unsaved.to_string();
        for part in [
            "cannot save the report",
            "run",
            "it is in",
            "r.json instead",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(store::load(&spare).unwrap(), report);
        // Later saves replace the same copy, and leave no further files.
        report.status = Status::Complete;
        let again = place.save(&report).unwrap_err();
        assert_eq!(again.spare.as_ref(), Some(&spare));
        assert_eq!(store::load(&spare).unwrap(), report);

        std::fs::remove_file(&run).unwrap();
        place.save(&report).unwrap();
        assert_eq!(store::load(&path).unwrap(), report);
        assert!(!spare.parent().unwrap().exists(), "nothing is left there");
    }
}
