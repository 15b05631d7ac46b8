use std::collections::BTreeMap;

use bench_report::{Generator, Load, Step, StepEnd, Window};

/// Creates a completed step named `name` with one user in a closed load, a window of zero length
/// and no results. A test adds the parts that it needs: `Step { operations, ..empty_step("pool of
/// 8") }`.
pub fn empty_step(name: &str) -> Step {
    Step {
        name: name.to_owned(),
        parameters: BTreeMap::new(),
        repeat: 0,
        window: Window::default(),
        load: Load::Closed {
            users: 1,
            think_time_ns: 0,
        },
        operations: BTreeMap::new(),
        parts: BTreeMap::new(),
        failures: Vec::new(),
        pool: None,
        server: None,
        generator: Generator::default(),
        curve: None,
        segments: Vec::new(),
        sessions: None,
        figures: BTreeMap::new(),
        end: StepEnd::Completed,
    }
}
