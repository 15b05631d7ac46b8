//! Healthy runs: loads without a planted cause that the server carries with ease, in which the
//! analyzer must report no problem and judge every gate.

use std::path::Path;
use std::time::Duration;

use test_support::TestDirectory;

use crate::child::Child;
use crate::measured_run::MeasuredRun;
use crate::planting_file::digest;
use crate::stage::{end, keep, program, record, remember};

/// Loads, one on each line: the tool and its arguments.
const LOADS: &str = include_str!("healthy.txt");
/// Longest time that a healthy run may take.
const BOUND: Duration = Duration::from_mins(3);

/// One healthy load.
#[derive(Debug, Clone)]
pub(crate) struct HealthyRun {
    /// Number of the run, from 1 on.
    pub(crate) number: usize,
    pub(crate) tool: String,
    pub(crate) arguments: String,
    pub(crate) digest: String,
}

/// Lists the healthy loads. Lines that are empty or begin with `#` are none.
pub(crate) fn all() -> Vec<HealthyRun> {
    let is_load = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let runs = LOADS
        .lines()
        .filter(is_load)
        .enumerate()
        .map(|(index, line)| {
            let (tool, arguments) = line.split_once(' ').unwrap();
            HealthyRun {
                number: index + 1,
                tool: tool.to_owned(),
                arguments: arguments.to_owned(),
                digest: digest(line),
            }
        });
    runs.collect()
}

impl HealthyRun {
    /// Carries out the run while the machine is recorded, and keeps its reports.
    ///
    /// # Errors
    /// Fails with a sentence if the bench left no report.
    pub(crate) fn carry_out(&self, kept: &Path) -> Result<(), String> {
        let place = TestDirectory::new();
        remember(place.path());
        let recorder = record(&place);
        let mut command = place.command(program(&self.tool), &[]);
        command
            .args(self.arguments.split(' '))
            .args(["--quiet", "--run-dir", "run", "--seed"])
            .arg(self.number.to_string());
        let said = place.path().join("said");
        let ended = Child::start(command, Some(&said)).wait(BOUND);
        end(recorder)?;
        keep(&place, kept);
        ended?;
        let has_report = MeasuredRun::has_report(kept, &self.tool);
        let said = || std::fs::read_to_string(&said).unwrap_or_default();
        has_report
            .then_some(())
            .ok_or_else(|| format!("the bench left no report: {}", said()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn different_loads_of_all_benches_are_healthy_runs() {
        let all = all();
        assert_eq!(all.len(), 74);
        let loads: BTreeSet<String> = all
            .iter()
            .map(|run| format!("{} {}", run.tool, run.arguments))
            .collect();
        assert_eq!(loads.len(), all.len(), "no load twice");
        for tool in ["db-pool-bench", "redis-bench", "ws-bench"] {
            let count = all.iter().filter(|run| run.tool == tool).count();
            assert!(count >= 10, "{tool}: {count}");
        }
    }
}
