//! Mutated reports: whatever stands in a report, the analyzer neither panics nor hangs nor says
//! that the run is ready with a part of it missing.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::assessment::Readiness;
use crate::json_pointer::{escape, unescape};
use crate::render::{html, terminal};
use crate::run_reports::RunReports;
use crate::thresholds::Thresholds;
use crate::{analysis, cli};

/// Environment variable with the seconds for which the long test mutates reports.
const SECONDS: &str = "PLIMSOLL_MUTATE_SECONDS";

/// Report that mutations begin with.
struct Original {
    name: String,
    document: Value,
}

/// Returns real reports: those that each tool wrote, and the committed example.
fn originals() -> Vec<Original> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = [
        "../crates/bench-report/tests/golden",
        "../reports/examples/smoke",
    ];
    let entries = directories
        .iter()
        .flat_map(|directory| std::fs::read_dir(here.join(directory)).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let document: Value = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
        let is_report = document["schema"] == "plimsoll.report/1";
        is_report.then_some(Original { name, document })
    };
    paths.into_iter().filter_map(read).collect()
}

/// Mutation of a document by pseudo-random choices.
struct Mutator {
    random: StdRng,
}

impl Mutator {
    fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound.max(1))
    }

    /// Returns a random place of `document` as a pointer, mostly of a single value.
    fn place(&mut self, document: &Value) -> String {
        let (mut pointer, mut value) = (String::new(), document);
        loop {
            if !pointer.is_empty() && self.below(8) == 0 {
                return pointer;
            }
            let (key, below) = match value {
                Value::Object(members) if !members.is_empty() => {
                    let place = self.below(members.len());
                    members
                        .iter()
                        .nth(place)
                        .map(|(key, value)| (escape(key), value))
                        .unwrap()
                }
                Value::Array(elements) if !elements.is_empty() => {
                    let place = self.below(elements.len());
                    (place.to_string(), &elements[place])
                }
                _ => return pointer,
            };
            pointer = format!("{pointer}/{key}");
            value = below;
        }
    }

    /// Changes one place of `document`.
    fn mutate(&mut self, document: &mut Value) {
        let (from, to) = (self.place(document), self.place(document));
        let other = document.pointer(&from).cloned().unwrap_or_default();
        let choice = self.below(8);
        let (above, key) = to.rsplit_once('/').unwrap_or_default();
        if choice == 0 {
            match document.pointer_mut(above) {
                Some(Value::Object(members)) => {
                    members.remove(&unescape(key));
                }
                Some(Value::Array(elements)) => {
                    elements.remove(key.parse().unwrap());
                }
                _ => {}
            }
            return;
        }
        let hostile = self.hostile();
        let (factor, keep) = (
            [0.0, 0.5, 2.0, 10.0, 1e6, -1.0][self.below(6)],
            self.below(4),
        );
        let Some(value) = document.pointer_mut(&to) else {
            return;
        };
        match (choice, value) {
            (1 | 2, value) => *value = other,
            (3, value) => *value = hostile,
            (4, Value::Array(elements)) => elements.truncate(keep),
            (5, Value::Array(elements)) => elements.reverse(),
            (6, Value::Array(elements)) => elements.extend(elements.clone().into_iter().take(keep)),
            (_, value @ Value::Number(_)) => {
                let number = value.as_f64().unwrap_or(0.0) * factor;
                let whole = value.is_u64() && (0.0..1e18).contains(&number);
                *value = if whole {
                    json!(number as u64)
                } else {
                    json!(number)
                };
            }
            (_, value) => *value = hostile,
        }
    }

    fn hostile(&mut self) -> Value {
        let all = [
            json!(0),
            json!(1),
            json!(-1),
            json!(u64::MAX),
            json!(1e17 as u64),
            json!(0.0),
            json!(1e300),
            json!(1e-300),
            json!(""),
            json!("\u{202e}\u{1b}[2J<script>"),
            json!("plimsoll"),
            Value::Null,
            json!(true),
            json!([]),
            json!({}),
            json!([[[]]]),
            json!({"a": {"b": 1}}),
        ];
        all[self.below(all.len())].clone()
    }

    /// Writes the originals into `home`, most of them unchanged, and returns the names of those that
    /// were changed.
    fn write(&mut self, originals: &[Original], home: &Path) -> Vec<String> {
        let chosen = self.below(originals.len());
        let mut changed = Vec::new();
        for (index, original) in originals.iter().enumerate() {
            // Each directory has a few of the reports, so that each run is another one.
            if index != chosen && self.below(4) > 0 {
                continue;
            }
            let mut document = original.document.clone();
            if index == chosen {
                for _ in 0..=self.below(4) {
                    self.mutate(&mut document);
                }
                changed.push(original.name.clone());
            }
            let mut text = document.to_string().into_bytes();
            if index == chosen && self.below(16) == 0 {
                let (place, byte) = (self.below(text.len()), self.below(256));
                text[place] = u8::try_from(byte).unwrap();
            }
            if index == chosen && self.below(32) == 0 {
                text.truncate(self.below(text.len()));
            }
            std::fs::write(home.join(&original.name), text).unwrap();
        }
        changed
    }
}

/// Analyzes the reports in `home`, as the program does. Panics if the run is said to be ready with
/// a report missing.
fn analyze(home: &Path, thresholds: &Thresholds) {
    let Ok(run) = RunReports::load(&[home.to_owned()]) else {
        return;
    };
    let assessment = analysis::assess(&run, thresholds, cli::tool());
    let lost = assessment
        .skipped
        .iter()
        .any(|skipped| skipped.makes_incomplete);
    let readiness = assessment.verdict.readiness;
    let is_ready = matches!(
        readiness,
        Readiness::Ready | Readiness::ReadyWithReservations
    );
    assert!(!(lost && is_ready), "{:?}", assessment.skipped);
    let shown = terminal::render(&assessment);
    let page = html::page(&run, &assessment);
    for text in [shown, page] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
    }
    let json = serde_json::to_string(&assessment).unwrap();
    serde_json::from_str::<crate::assessment::Assessment>(&json).unwrap();
}

/// Mutates reports from `seed` on until `until`, but at least `least` times. Panics at the first run
/// that the analyzer cannot bear, with the seed of that run and the directory that it is kept in.
fn mutate_from(seed: u64, least: u64, until: Instant) -> u64 {
    let originals = originals();
    assert_eq!(originals.len(), 19);
    let thresholds = Thresholds::load(None).unwrap();
    let mut done = 0;
    while done < least || Instant::now() < until {
        let random = StdRng::seed_from_u64(seed + done);
        let home = tempfile::tempdir().unwrap();
        let changed = Mutator { random }.write(&originals, home.path());
        let begun = Instant::now();
        let bears = AssertUnwindSafe(|| analyze(home.path(), &thresholds));
        let is_borne = std::panic::catch_unwind(bears).is_ok();
        if !is_borne {
            // The reports stay for whoever looks for the cause.
            let kept = home.keep();
            panic!("seed {}: {changed:?} in {}", seed + done, kept.display());
        }
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "seed {}",
            seed + done
        );
        done += 1;
    }
    done
}

#[test]
fn a_few_mutated_reports_are_borne() {
    mutate_from(1, 12, Instant::now());
}

#[test]
#[ignore = "takes ten minutes, or PLIMSOLL_MUTATE_SECONDS"]
fn mutated_reports_are_borne_for_long() {
    let seconds = std::env::var(SECONDS)
        .ok()
        .and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(600));
    let seed = std::env::var("PLIMSOLL_MUTATE_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let done = mutate_from(seed.unwrap_or(1_000), 1, until);
    assert!(done > 0);
}
