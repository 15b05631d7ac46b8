//! The smallest loops, which are built as examples beside the benches.

use std::path::PathBuf;

use crate::child::Finished;
use crate::contest::{ContestError, Shot, sibling};

/// On a Redis, over one shared connection.
pub const REDIS: &str = "examples/minimal";
/// On a PostgreSQL, over a pool.
pub const POOL: &str = "examples/minimal_pool";

/// Where `program` is.
///
/// # Errors
/// When it is not built.
pub fn find(program: &'static str) -> Result<PathBuf, ContestError> {
    sibling(program)
}

/// What a run of `program` gave.
///
/// # Errors
/// When it does not say.
pub fn shot(program: &'static str, finished: &Finished) -> Result<Shot, ContestError> {
    let (operations, seconds) =
        parse(&finished.stdout).map_err(ContestError::unreadable(program))?;
    Ok(Shot {
        operations_per_s: operations as f64 / seconds,
        cpu_per_operation_ns: finished.cpu_ns as f64 / operations as f64,
    })
}

/// Reads `operations=N seconds=S`: operations, seconds.
///
/// # Errors
/// A sentence that says what is missing.
pub fn parse(text: &str) -> Result<(u64, f64), String> {
    let value = |name: &str| {
        text.split_whitespace()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    let operations = value("operations").and_then(|text| text.parse().ok());
    let seconds = value("seconds").and_then(|text| text.parse().ok());
    match (operations, seconds) {
        (Some(operations), Some(seconds)) if operations > 0 && seconds > 0.0 => {
            Ok((operations, seconds))
        }
        _ => Err("it does not say operations=N and seconds=S".to_owned()),
    }
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
}
