//! Log of the finished trials: one line of JSON each, in a file that survives a kill of the harness.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::trial::Trial;

/// Log of trials in one file.
#[derive(Debug)]
pub(crate) struct TrialLog {
    path: PathBuf,
    trials: Vec<Trial>,
}

impl TrialLog {
    /// Opens the log, or begins it. A last line that is incomplete, because the harness was killed
    /// while it wrote, is cut off. Panics with the place of any other line that is no trial.
    pub(crate) fn open(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            fs::write(path, &text[..whole]).unwrap();
        }
        let read = |(index, line)| {
            let trial = serde_json::from_str(line);
            trial.unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), index + 1))
        };
        let trials = text[..whole].lines().enumerate().map(read);
        Self {
            path: path.to_owned(),
            trials: trials.collect(),
        }
    }

    /// Returns true if a trial of this id and digest was finished and counts.
    pub(crate) fn has(&self, id: &str, digest: &str) -> bool {
        let is_it = |trial: &&Trial| trial.id == id && trial.digest == digest && trial.counts();
        self.trials.iter().any(|trial| is_it(&trial))
    }

    /// Adds a finished trial, and returns once it is on the disk.
    pub(crate) fn add(&mut self, trial: Trial) {
        let mut line = serde_json::to_string(&trial).unwrap();
        line.push('\n');
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&self.path)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
        file.sync_data().unwrap();
        self.trials.push(trial);
    }

    /// Returns the last trial of each id, in the order of their first ones.
    pub(crate) fn latest(&self) -> Vec<&Trial> {
        let mut latest: Vec<&Trial> = Vec::new();
        for trial in &self.trials {
            match latest.iter_mut().find(|known| known.id == trial.id) {
                Some(known) => *known = trial,
                None => latest.push(trial),
            }
        }
        latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Quietness, TrialResult};

    fn trial(id: &str, digest: &str, is_disturbed: bool) -> Trial {
        Trial {
            id: id.to_owned(),
            group: "tests".to_owned(),
            name: id.to_owned(),
            digest: digest.to_owned(),
            ran_by: "a".to_owned(),
            judged_by: "a".to_owned(),
            started_at_s: 1,
            took_s: 2.0,
            quiet: Quietness {
                is_disturbed,
                ..Quietness::default()
            },
            result: TrialResult::Healthy {
                complaints: Vec::new(),
            },
        }
    }

    #[test]
    fn a_log_goes_on_after_a_kill_and_a_disturbed_or_changed_trial_is_not_done() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("trials.jsonl");
        let mut log = TrialLog::open(&path);
        log.add(trial("a", "1", false));
        log.add(trial("b", "1", true));
        // A harness that is killed leaves half a line.
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"id\":\"c\",\"gro").unwrap();

        let mut log = TrialLog::open(&path);
        assert!(log.has("a", "1") && !log.has("a", "2"));
        assert!(!log.has("b", "1") && !log.has("c", "1"));
        log.add(trial("b", "1", false));
        let again = TrialLog::open(&path);
        assert!(again.has("b", "1"));
        let ids: Vec<&str> = again
            .latest()
            .iter()
            .map(|trial| trial.id.as_str())
            .collect();
        assert_eq!(ids, ["a", "b"]);
        assert!(!again.latest()[1].quiet.is_disturbed);
    }

    #[test]
    #[should_panic(expected = "trials.jsonl:1")]
    fn a_line_that_is_no_trial_is_named_with_its_place() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("trials.jsonl");
        fs::write(&path, "\0\0\0\n{}\n").unwrap();
        TrialLog::open(&path);
    }
}
