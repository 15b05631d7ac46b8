//! Cost of a decision to the server.

use bench_report::Step;
use bench_report::names::redis::{COMMAND_CALLS, COMMAND_USEC};

use super::scripts::COMMANDS;

/// Returns the time that the server's thread spent in the commands of one decision, in nanoseconds:
/// the mean over the measured part. `None` if the server does not tell.
pub(super) fn per_decision_ns(step: &Step) -> Option<f64> {
    let server = step.server.as_ref()?;
    let figure = |name: &String| server.figures.get(name).copied();
    if let Some(scripts_us) = figure(&COMMAND_USEC.of("evalsha")) {
        // The time of a script contains that of the commands in it, each decision is one script.
        let calls = figure(&COMMAND_CALLS.of("evalsha"))?;
        return (calls > 0.0).then(|| scripts_us / calls * 1e3);
    }
    let us = |command: &&str| figure(&COMMAND_USEC.of(command));
    let whole_us: f64 = COMMANDS.iter().filter_map(us).sum();
    let decided = step.throughput_per_s() * server.value(bench_report::names::redis::INTERVAL_S)?;
    (whole_us > 0.0 && decided > 0.0).then(|| whole_us / decided * 1e3)
}

#[cfg(test)]
mod tests {
    use bench_report::names::redis::INTERVAL_S;
    use bench_report::{Operation, ServerEvidence};
    use test_support::empty_step;

    use super::*;

    /// Returns a step with 100 decisions a second for 2 s, and the server's calls and time by
    /// command.
    fn step(commands: &[(&str, f64, f64)]) -> Step {
        let mut step = empty_step("gcra");
        let admitted = Operation {
            throughput_per_s: 100.0,
            ..Operation::default()
        };
        step.operations.insert("admitted".to_owned(), admitted);
        let mut server = ServerEvidence::default();
        server.figure(INTERVAL_S, 2.0);
        for (name, calls, usec) in commands {
            server.member(COMMAND_CALLS, name, *calls);
            server.member(COMMAND_USEC, name, *usec);
        }
        step.server = Some(server);
        step
    }

    #[test]
    fn commands_inside_a_script_are_part_of_its_time() {
        let script = step(&[("evalsha", 200.0, 4_000.0), ("incr", 200.0, 600.0)]);
        assert_eq!(per_decision_ns(&script), Some(20_000.0));
    }

    #[test]
    fn single_commands_are_added_up_and_those_of_others_left_out() {
        let racy = step(&[
            ("get", 200.0, 400.0),
            ("incr", 20.0, 200.0),
            ("keys", 1.0, 9_000.0),
        ]);
        assert_eq!(per_decision_ns(&racy), Some(3_000.0));
        assert_eq!(per_decision_ns(&step(&[])), None);
        assert_eq!(per_decision_ns(&empty_step("gcra")), None);
    }
}
