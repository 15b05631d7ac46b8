//! Directory for the files of one run. A directory with files of another run is refused, and no
//! file in it is overwritten.

use std::io;
use std::path::{Path, PathBuf};

/// Reasons why a directory cannot be used for a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunDirectoryError {
    /// The directory contains a file that would be overwritten, or read as a part of the new run.
    #[error("{directory} already holds {file}", directory = directory.display())]
    Used {
        /// Path of the directory for the run's files.
        directory: PathBuf,
        /// Name of that file; the alphabetically first one if there are several.
        file: String,
    },
    /// The directory cannot be created or read.
    #[error("cannot make the run's directory {directory}: {source}", directory = directory.display())]
    Unusable {
        /// Path of the directory for the run's files.
        directory: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
}

impl RunDirectoryError {
    /// Returns the remedy as a phrase that is shown to the user after the error.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Used { .. } => "another --run-dir, or move those files away",
            Self::Unusable { .. } => "--run-dir with a path that can be written",
        }
    }
}

/// Creates `directory` with its parents, or accepts an existing one without files of a run. The
/// analyzer would read reports of another run in it, and raw samples would be overwritten.
///
/// # Errors
/// Fails if the directory contains visible `.json` or `.arrows` files, `report.html` or a manifest,
/// or if it cannot be created or read.
pub(crate) fn claim(directory: &Path) -> Result<(), RunDirectoryError> {
    let unusable = |source| RunDirectoryError::Unusable {
        directory: directory.to_owned(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(unusable)?;
    let mut used = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unusable)? {
        let name = entry.map_err(unusable)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if is_of_a_run(&name) {
            used.push(name);
        }
    }
    match used.into_iter().min() {
        None => Ok(()),
        Some(file) => Err(RunDirectoryError::Used {
            directory: directory.to_owned(),
            file,
        }),
    }
}

fn is_of_a_run(name: &str) -> bool {
    let extension = Path::new(name).extension();
    let report = extension.is_some_and(|e| e == "json" || e == "arrows");
    let ours = name == "report.html" || name == bench_report::manifest::DIRECTORY;
    !name.starts_with('.') && (report || ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_without_reports_is_taken_and_nothing_in_it_is_touched() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("deep/er");
        claim(&directory).unwrap();
        for harmless in ["notes.txt", "run.log", ".hidden.json"] {
            std::fs::write(directory.join(harmless), "mine").unwrap();
            claim(&directory).unwrap();
        }
        for file in [
            "sysmon.record.arrows",
            "report.html",
            "redis-bench.cache.json",
            "manifest",
        ] {
            std::fs::write(directory.join(file), "old").unwrap();
            let error = claim(&directory).unwrap_err();
            assert!(error.to_string().ends_with(file), "{error}");
            assert_eq!(std::fs::read(directory.join(file)).unwrap(), b"old");
        }
        assert_eq!(std::fs::read(directory.join("notes.txt")).unwrap(), b"mine");
        let file = directory.join("notes.txt");
        assert!(matches!(
            claim(&file),
            Err(RunDirectoryError::Unusable { .. })
        ));
    }
}
