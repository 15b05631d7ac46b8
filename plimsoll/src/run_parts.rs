//! Parts of a run in its manifest, which is a directory with one file for each part. All files are
//! written before any part is started, and each again whenever the state of its part changes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitStatus;

use bench_report::manifest::{Part, PartFile, PartStatus};
use bench_report::store::StoreError;
use nix::sys::signal::Signal;

use crate::profile::Profile;

/// Name of this program in the manifest, as the program that started a part.
pub(crate) const STARTER: &str = "plimsoll";

/// Parts that have not ended yet, by the file name of the report without the extension, for example
/// `sysmon.record`.
#[derive(Debug)]
pub(crate) struct RunParts(BTreeMap<String, PartFile>);

impl RunParts {
    /// Writes the files of the planned parts into the manifest in `directory`: the recorder and the
    /// components of `profile`.
    ///
    /// # Errors
    /// Fails if a file cannot be written.
    pub(crate) fn plan(
        profile: &Profile,
        run_id: &str,
        directory: &Path,
    ) -> Result<Self, StoreError> {
        let recorder = ("sysmon", "record", Vec::new());
        let benches = profile.components.iter();
        let benches = benches.map(|c| (c.tool.as_str(), c.scenario.as_str(), c.args.clone()));
        let mut parts = BTreeMap::new();
        for (tool, scenario, args) in benches.chain([recorder]) {
            let stem = format!("{tool}.{scenario}");
            let mut words = vec![tool.to_owned(), scenario.to_owned()];
            words.extend(args);
            let report = format!("{stem}.json");
            let part = Part {
                profile: Some(profile.name.clone()),
                ..Part::plan((tool, scenario), run_id, &report, STARTER, &words)
            };
            parts.insert(stem, PartFile::create(directory, part)?);
        }
        Ok(Self(parts))
    }

    /// Records that the part `stem` is about to be started. From then on until its end, the part
    /// writes its state itself. Does nothing for an unknown or ended part.
    ///
    /// # Errors
    /// Fails if the manifest cannot be written.
    pub(crate) fn mark_started(&mut self, stem: &str) -> Result<(), StoreError> {
        let part = self.0.get_mut(stem);
        part.map_or(Ok(()), |part| part.set_status(PartStatus::Running))
    }

    /// Records that the part `stem` ended with the exit status `status`, which is `None` if it had
    /// to be killed by SIGKILL. Does nothing for an unknown or ended part.
    ///
    /// # Errors
    /// Fails if the manifest cannot be written.
    pub(crate) fn mark_ended(
        &mut self,
        stem: &str,
        status: Option<ExitStatus>,
    ) -> Result<(), StoreError> {
        let killed = PartStatus::Killed {
            signal: Signal::SIGKILL as i32,
        };
        let status = status.map_or(killed, PartStatus::from);
        let part = self.0.remove(stem);
        part.map_or(Ok(()), |mut part| part.set_status(status))
    }

    /// Records that the part `stem` was not run, with the reason as shown to the user. Does nothing
    /// for an unknown or ended part.
    ///
    /// # Errors
    /// Fails if the manifest cannot be written.
    pub(crate) fn skip(&mut self, stem: &str, reason: &str) -> Result<(), StoreError> {
        let part = self.0.remove(stem);
        part.map_or(Ok(()), |mut part| part.set_status(skipped(reason)))
    }

    /// Records that all parts that have not ended were skipped because of an interrupt.
    ///
    /// # Errors
    /// Fails if the manifest cannot be written; later parts are not written then.
    pub(crate) fn skip_remaining(&mut self) -> Result<(), StoreError> {
        let reason = "the run was interrupted before it";
        let mut rest = self.0.values_mut();
        rest.try_for_each(|part| part.set_status(skipped(reason)))
    }
}

fn skipped(reason: &str) -> PartStatus {
    PartStatus::Skipped {
        reason: reason.to_owned(),
    }
}
