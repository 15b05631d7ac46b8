//! Conclusions as recorded: what the analyzer concludes from each planted run stands in `conclusions/`, without its
//! prose, one file for each module of tests. So a change of a rule shows each conclusion that changes with it.
//!
//! After an intended change, `PLIMSOLL_RECORD=1 cargo test -p bottleneck-analyzer --lib planted` records them anew;
//! the difference is read before it is committed.

mod text;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use std::thread;

use crate::assessment::Assessment;
use text::conclusions;

/// Beginning of the line before the conclusions of one run; the name of the test follows.
const RUN: &str = "== ";

thread_local! {
    /// Number of assessments that the test of this thread has compared.
    static COMPARED: Cell<u32> = const { Cell::new(0) };
}

/// Recorded conclusions of each module: those of a run by its name. Modules are read when they are first asked for.
static RECORDED: LazyLock<Mutex<BTreeMap<String, BTreeMap<String, String>>>> =
    LazyLock::new(Mutex::default);

/// Panics unless `assessment` concludes what is recorded of the test that this thread runs. The second
/// assessment of a test has a record of its own, and so on.
pub(super) fn is_as_recorded(assessment: &Assessment) {
    let thread = thread::current();
    let test = thread
        .name()
        .and_then(|name| name.strip_prefix("planted::"));
    let test = test.expect("called by a test of `planted` in its own thread");
    let (module, test) = test.rsplit_once("::").unwrap();
    let number = COMPARED.get() + 1;
    COMPARED.set(number);
    let nth = if number == 1 {
        String::new()
    } else {
        format!(" {number}")
    };
    compare(
        &module.replace("::", "_"),
        &format!("{test}{nth}"),
        assessment,
    );
}

/// Panics unless `assessment` concludes what is recorded of the run `name` in `module`.
pub(super) fn compare(module: &str, name: &str, assessment: &Assessment) {
    let concluded = conclusions(assessment);
    let mut modules = RECORDED.lock().unwrap();
    let recorded = modules
        .entry(module.to_owned())
        .or_insert_with(|| load(&file(module)));
    if env::var_os("PLIMSOLL_RECORD").is_some() {
        recorded.insert(name.to_owned(), concluded);
        return save(&file(module), recorded);
    }
    let known = recorded.get(name).cloned().unwrap_or_default();
    // A failed comparison must not poison the records of other tests.
    drop(modules);
    let only_in = |one: &str, other: &str, sign: &str| -> String {
        let lines = one
            .lines()
            .filter(|line| !other.lines().any(|known| known == *line));
        let lines: Vec<String> = lines.map(|line| format!("{sign} {line}\n")).collect();
        lines.concat()
    };
    assert!(
        known == concluded,
        "{module}, {name}: other conclusions than recorded (PLIMSOLL_RECORD=1 records them anew)\n{}{}",
        only_in(&known, &concluded, "-"),
        only_in(&concluded, &known, "+")
    );
}

fn file(module: &str) -> PathBuf {
    directory().join(format!("{module}.txt"))
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/planted/recorded/conclusions")
}

/// Reads the records of one module; empty if there is no such file.
fn load(file: &Path) -> BTreeMap<String, String> {
    let mut recorded = BTreeMap::new();
    let mut conclusions = String::new();
    let text = fs::read_to_string(file).unwrap_or_default();
    for line in text.lines().rev() {
        match line.strip_prefix(RUN) {
            Some(name) => {
                recorded.insert(name.to_owned(), std::mem::take(&mut conclusions));
            }
            None if conclusions.is_empty() => conclusions = line.to_owned(),
            None => conclusions = format!("{line}\n{conclusions}"),
        }
    }
    recorded
}

fn save(file: &Path, recorded: &BTreeMap<String, String>) {
    let runs = recorded.iter();
    let text = runs.map(|(name, conclusions)| format!("{RUN}{name}\n{conclusions}\n"));
    let text: Vec<String> = text.collect();
    fs::create_dir_all(directory()).unwrap();
    fs::write(file, text.concat()).unwrap();
}

#[test]
fn each_record_is_of_a_test() {
    let planted = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/planted");
    let mut left = Vec::new();
    for entry in fs::read_dir(directory()).unwrap() {
        let file = entry.unwrap().path();
        let module = file.file_stem().unwrap().to_str().unwrap();
        let sources = [
            planted.join(module).with_extension("rs"),
            planted
                .join(module.replacen('_', "/", 1))
                .with_extension("rs"),
            planted.join(module).join("mod.rs"),
            planted.join(module.replace("_tests", "")).join("tests.rs"),
        ];
        let sources = sources
            .iter()
            .map(|source| fs::read_to_string(source).unwrap_or_default());
        let sources: Vec<String> = sources.collect();
        for name in load(&file).into_keys().filter(|_| module != "reports_kept") {
            let test = name.split(' ').next().unwrap_or_default();
            if !sources
                .iter()
                .any(|source| source.contains(&format!("fn {test}(")))
            {
                left.push(format!("{module}: {name}"));
            }
        }
    }
    assert_eq!(left, [""; 0], "records of tests that are no more");
}
