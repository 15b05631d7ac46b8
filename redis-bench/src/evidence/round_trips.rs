//! Round trips that a pool's check of a connection adds to each request, by the server's count.

use bench_report::names::redis::commands;
use bench_report::{EvidenceRow, Step};

use super::own_account::{LoadShape, OwnAccount};

/// Returns the checks of connections that the server answered for each request of `step`. A check
/// is one round trip, in which `UNWATCH` and `PING` are sent together. `None` if the server's
/// counts of commands are not known, or if no request finished.
pub(crate) fn checks_per_request(step: &Step, load: &LoadShape<'_>) -> Option<f64> {
    let rows = step.server.as_ref()?.rows(commands::TABLE)?;
    let calls = |is_counted: &dyn Fn(&str) -> bool| -> f64 {
        let of_row = |row: &EvidenceRow| {
            let is_counted = row.label(commands::COMMAND).is_some_and(is_counted);
            row.value(commands::CALLS).filter(|_| is_counted)
        };
        rows.iter().filter_map(of_row).sum()
    };
    // The server may have been read for longer than the load was measured, so the requests of that time
    // follow from the server's own count of the load's commands.
    let own = OwnAccount::of(step, load);
    let own_calls: f64 = load
        .commands
        .iter()
        .filter_map(|name| own.calls.get(*name))
        .sum();
    let requests = calls(&|name| load.commands.contains(&name)) * own.requests / own_calls;
    let ratio = calls(&|name| name == "ping") / requests;
    ratio.is_finite().then_some(ratio)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bench_report::{Operation, ServerEvidence, Window};
    use test_support::empty_step;

    use super::*;

    const LOAD: LoadShape<'static> = LoadShape {
        commands: &["get"],
        unbounded: &[],
        without_commands: &[],
        times: 2,
        connections: 8,
        connects: false,
        opened_beside: 0,
    };

    /// Creates a step of 2 s with 100 requests per second of two commands each, in which the server
    /// counted 500 commands and `pings`.
    fn step(pings: f64) -> Step {
        let mut server = ServerEvidence::default();
        let row = |name: &str, calls| {
            EvidenceRow::new(
                [(commands::COMMAND, name.to_owned())],
                [(commands::CALLS, calls)],
            )
        };
        server.table(commands::TABLE, vec![row("get", 500.0), row("ping", pings)]);
        let get = Operation {
            throughput_per_s: 100.0,
            ..Operation::default()
        };
        Step {
            server: Some(server),
            window: Window {
                measure_end_ns: 2_000_000_000,
                ..Window::default()
            },
            operations: BTreeMap::from([("get".to_owned(), get)]),
            ..empty_step("pool of 8")
        }
    }

    #[test]
    fn a_check_per_request_is_one_round_trip_however_long_the_server_was_read() {
        assert!((checks_per_request(&step(250.0), &LOAD).unwrap() - 1.0).abs() < 1e-9);
        assert!(checks_per_request(&step(0.0), &LOAD).unwrap().abs() < 1e-9);
        let mut unknown = step(250.0);
        unknown.server = None;
        assert_eq!(checks_per_request(&unknown, &LOAD), None);
    }
}
