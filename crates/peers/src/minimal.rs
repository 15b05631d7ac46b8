//! Minimal load loops: example programs of this project that are compared with its benches.

use std::path::PathBuf;

use crate::contest::{ContestError, Measurement};
use crate::context::sibling;
use crate::program::ProgramOutput;

/// Program, relative to the directory of built programs, that loads a Redis server over one shared
/// connection.
pub(crate) const REDIS: &str = "examples/minimal";
/// Program, relative to the directory of built programs, that loads a PostgreSQL server over a
/// pool.
pub(crate) const POOL: &str = "examples/minimal_pool";
/// Program, relative to the directory of built programs, that loads a WebSocket server.
pub(crate) const WEBSOCKET: &str = "examples/minimal_websocket";

/// Returns the path of `program`, one of [`REDIS`], [`POOL`] and [`WEBSOCKET`].
///
/// # Errors
/// Fails if the program is not built.
pub(crate) fn find(program: &'static str) -> Result<PathBuf, ContestError> {
    sibling(program)
}

/// Reads throughput and CPU time of a run of `program`: operations and seconds from its output, and
/// the CPU time of the whole process, its start included.
///
/// # Errors
/// Fails if the output lacks operations or seconds, or one of them is 0.
pub(crate) fn measurement(
    program: &'static str,
    finished: &ProgramOutput,
) -> Result<Measurement, ContestError> {
    let (operations, seconds) =
        parse(&finished.stdout).map_err(ContestError::unreadable(program))?;
    Ok(Measurement {
        operations_per_s: operations as f64 / seconds,
        cpu_per_operation_ns: finished.cpu_ns as f64 / operations as f64,
    })
}

/// Reads throughput and CPU time of a run of `program` from its output. The CPU time is the one
/// that it prints as `cpu_per_operation_ns`, which excludes its start.
///
/// # Errors
/// Fails if the output lacks one of the three numbers, or one of them is 0.
pub(crate) fn own_measurement(
    program: &'static str,
    finished: &ProgramOutput,
) -> Result<Measurement, ContestError> {
    let text = &finished.stdout;
    let unreadable = ContestError::unreadable(program);
    let (operations, seconds) = match parse(text) {
        Ok(said) => said,
        Err(reason) => return Err(unreadable(reason)),
    };
    let own = value(text, "cpu_per_operation_ns").and_then(|text| text.parse().ok());
    match own.filter(|ns: &f64| ns.is_finite() && *ns > 0.0) {
        Some(cpu_per_operation_ns) => Ok(Measurement {
            operations_per_s: operations as f64 / seconds,
            cpu_per_operation_ns,
        }),
        None => Err(unreadable(
            "it does not say cpu_per_operation_ns=C".to_owned(),
        )),
    }
}

/// Finds `operations=N` and `seconds=S` among the words of `text` and returns both numbers.
///
/// # Errors
/// Returns a message if one of them is missing, no number, or not above 0.
pub(crate) fn parse(text: &str) -> Result<(u64, f64), String> {
    let operations = value(text, "operations").and_then(|text| text.parse().ok());
    let seconds = value(text, "seconds").and_then(|text| text.parse().ok());
    match (operations, seconds) {
        (Some(operations), Some(seconds)) if operations > 0 && seconds > 0.0 => {
            Ok((operations, seconds))
        }
        _ => Err("it does not say operations=N and seconds=S".to_owned()),
    }
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_did_and_how_long_is_read() {
        let said = "operations=300 seconds=1.5 operations_per_s=200 cpu_per_operation_ns=7\n";
        assert_eq!(parse(said), Ok((300, 1.5)));
        for text in ["", "operations=0 seconds=1", "operations=5", "seconds=5"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn its_own_account_of_cpu_time_is_read_where_it_gives_one() {
        let finished = |cpu: &str| ProgramOutput {
            stdout: format!("operations=30 seconds=3 {cpu}\n"),
            cpu_ns: 999,
        };
        let measurement = own_measurement(POOL, &finished("cpu_per_operation_ns=70")).unwrap();
        assert!((measurement.cpu_per_operation_ns - 70.0).abs() < 1e-9);
        assert!((measurement.operations_per_s - 10.0).abs() < 1e-9);
        for odd in ["", "cpu_per_operation_ns=x", "cpu_per_operation_ns=0"] {
            assert!(own_measurement(POOL, &finished(odd)).is_err(), "{odd}");
        }
    }
}
