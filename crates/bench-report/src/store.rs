//! Files of reports: created before the load starts, and replaced either as a whole or not at all.

mod document;
mod file_text;
mod load;
mod place;
mod store_error;
mod unambiguous;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Report, json};

pub use self::{
    document::{ReportDocument, value_at},
    load::{begins_as_report, load, load_document, load_json},
    place::{ReportPlace, Unsaved},
    store_error::StoreError,
};

/// File of a report, which is replaced at each save. It is created before any load is made, to
/// find out early whether it can be written.
#[derive(Debug, Clone)]
pub struct ReportFile {
    path: PathBuf,
}

impl ReportFile {
    /// Claims `path`: creates its directory, and writes `report` in its present state. Replaces a
    /// file that exists.
    ///
    /// # Errors
    /// Fails if the directory cannot be created or the file cannot be written.
    pub fn create(path: &Path, report: &Report) -> Result<Self, StoreError> {
        let file = Self {
            path: path.to_owned(),
        };
        file.save(report)?;
        Ok(file)
    }

    /// Claims a free name in `directory`, which is created if need be: `db-pool-bench.sweep.json`,
    /// or `db-pool-bench.sweep.2.json` if that exists, and so on. Writes `report` in its present
    /// state. Programs that do this at the same time get different names.
    ///
    /// # Errors
    ///
    /// Fails if the directory cannot be created or the file cannot be written.
    pub(crate) fn create_beside(directory: &Path, report: &Report) -> Result<Self, StoreError> {
        make(directory)?;
        let stem = report.file_stem();
        let mut count = 1;
        loop {
            let name = match count {
                1 => format!("{stem}.json"),
                count => format!("{stem}.{count}.json"),
            };
            let path = directory.join(name);
            // The file is complete from the instant at which it exists.
            match temporary(directory, |file| write_report(file, report))
                .and_then(|file| file.persist_noclobber(&path).map_err(|e| e.error))
            {
                Ok(_) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => count += 1,
                Err(source) => return Err(StoreError::Write { path, source }),
            }
        }
    }

    /// Replaces the file with `report` atomically. Creates its directory if that was removed.
    ///
    /// The report is written in a stream, so that saving needs no additional memory. A recording
    /// may save megabytes of series repeatedly.
    ///
    /// # Errors
    /// Fails if the file cannot be written, or if the report could not be read back. The file then
    /// keeps its previous content.
    pub(crate) fn save(&self, report: &Report) -> Result<(), StoreError> {
        // Series are not checked: any value in a series can be read back.
        readable_text(&self.path, &report.without_series())?;
        if let Some(directory) = self.path.parent() {
            make(directory)?;
        }
        let written = replace(&self.path, |file| write_report(file, report));
        written.map_err(|source| StoreError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Creates `directory` if it does not exist.
pub(crate) fn make(directory: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(directory).map_err(|source| StoreError::Write {
        path: directory.to_owned(),
        source,
    })
}

fn write_report(file: &File, report: &Report) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    json::write(&mut file, report)?;
    file.write_all(b"\n")?;
    file.flush()
}

/// Writes a document as indented JSON, with a line break at its end: to a temporary file beside
/// `path`, which is synced and then renamed.
///
/// # Errors
/// Fails if the file cannot be written, or if the document could not be read back.
pub fn save_json<T: Serialize + DeserializeOwned>(
    path: &Path,
    document: &T,
) -> Result<(), StoreError> {
    save_text(path, &readable_text(path, document)?)
}

/// Returns a document as indented JSON with a line break at its end, after checking that it can be
/// read back. `path` is for the error only.
fn readable_text<T: Serialize + DeserializeOwned>(
    path: &Path,
    document: &T,
) -> Result<String, StoreError> {
    let unreadable = |e: serde_json::Error| StoreError::Unreadable {
        path: path.to_owned(),
        reason: e.to_string(),
    };
    let mut text = serde_json::to_string_pretty(document).map_err(unreadable)?;
    serde_json::from_str::<T>(&text).map_err(unreadable)?;
    text.push('\n');
    Ok(text)
}

/// Writes a text file as a whole or not at all: to a temporary file beside `path`, which is then
/// renamed. A device or a pipe is written directly.
///
/// # Errors
///
/// Fails if the file cannot be written; an existing file then keeps its content.
pub fn save_text(path: &Path, text: &str) -> Result<(), StoreError> {
    replace(path, |mut file| file.write_all(text.as_bytes())).map_err(|source| StoreError::Write {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, write: impl FnOnce(&File) -> std::io::Result<()>) -> std::io::Result<()> {
    if path
        .metadata()
        .is_ok_and(|found| !found.is_file() && !found.is_dir())
    {
        // A device or a pipe is written directly: renaming a file to /dev/null would break it for
        // all programs.
        return write(&open_special(path)?);
    }
    let directory = path.parent().filter(|d| !d.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    temporary(directory, write)?
        .persist(path)
        .map_err(|e| e.error)?;
    // The rename is durable only once the directory is synced.
    File::open(directory)?.sync_all()
}

/// Writes a temporary file in `directory` and syncs it; the caller renames it.
fn temporary(
    directory: &Path,
    write: impl FnOnce(&File) -> std::io::Result<()>,
) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    let temporary = tempfile::Builder::new()
        .prefix(".saving-")
        .tempfile_in(directory)?;
    write(temporary.as_file())?;
    temporary
        .as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

/// Opens a device or a pipe for writing. A pipe that nobody reads is an error, so that opening it
/// does not wait forever.
fn open_special(path: &Path) -> std::io::Result<File> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = options.open(path)?;
    // Once the pipe is open, writes may wait for a slow reader.
    fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::report::begun as report;

    #[test]
    fn a_saved_report_reads_back_the_same() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep/er/r.json");
        let report = report();
        ReportFile::create(&path, &report).unwrap();
        assert_eq!(load(&path).unwrap(), report);
    }

    #[test]
    fn a_figure_that_is_not_finite_is_refused_and_the_last_good_report_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("r.json");
        let mut report = report();
        let file = ReportFile::create(&path, &report).unwrap();
        report.summary.figures.insert("hit_ratio".into(), f64::NAN);
        assert!(matches!(
            file.save(&report),
            Err(StoreError::Unreadable { .. })
        ));
        assert!(load(&path).unwrap().summary.figures.is_empty());
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_claim_beside_others_replaces_none_of_them() {
        let home = tempfile::tempdir().unwrap();
        let claim = || ReportFile::create_beside(home.path(), &report()).unwrap();
        let names: Vec<_> = (0..3).map(|_| claim().path().to_owned()).collect();
        let wanted = ["sweep.json", "sweep.2.json", "sweep.3.json"];
        for (path, wanted) in names.iter().zip(wanted) {
            assert!(
                path.ends_with(format!("db-pool-bench.{wanted}")),
                "{path:?}"
            );
            load(path).unwrap();
        }
    }

    #[test]
    fn a_series_reads_back_whatever_it_holds() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("r.json");
        let mut report = report();
        let mut series = crate::Series::new("x");
        for value in [Some(1.5), None, Some(f64::MAX)] {
            series.push(7, value);
        }
        report.series = vec![series];
        let file = ReportFile::create(&path, &report).unwrap();
        assert_eq!(load(&path).unwrap(), report);
        let odd = &mut report.series[0];
        odd.mean[0] = Some(f64::NAN);
        odd.error_max = Some(f64::INFINITY);
        file.save(&report).unwrap();
        let read = load(&path).unwrap();
        assert_eq!(
            (read.series[0].mean[0], read.series[0].error_max),
            (None, None)
        );
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let null = Path::new("/dev/null");
        save_text(null, "gone").unwrap();
        assert!(!null.metadata().unwrap().is_file());
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_an_error_and_not_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let pipe = home.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let error = save_text(&pipe, "unheard").unwrap_err();
        assert!(matches!(error, StoreError::Write { .. }), "{error}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_with_its_path() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = ReportFile::create(&file.join("r.json"), &report()).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
