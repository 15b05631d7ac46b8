//! Commands of the load that Redis refused or that failed in it, as evidence for the rule `errors`: an error
//! answer names the reason, and not always the command.

use bench_report::EvidenceRow;
use bench_report::names::ColumnName;
use bench_report::names::redis::commands;

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;
use crate::figures::counted;
use crate::redis::RedisEvidence;

/// Columns of the table `commands`, each with what became of the calls. Redis refuses a call before it looks at
/// a key, for example for want of memory; a call that fails was carried out in part or not at all.
const COLUMNS: [(ColumnName, &str); 2] = [
    (
        commands::REJECTED_CALLS,
        "refused before it carried them out",
    ),
    (
        commands::FAILED_CALLS,
        "answered with an error while it carried them out",
    ),
];

/// Describes which command the server answered with an error most often in one of `steps`, with the evidence.
/// Both are empty if `kind`, the kind of failure, is no answer of a Redis server, or if no such command was counted.
pub(in crate::rules) fn told(
    bench: &BenchFacts<'_>,
    steps: &[usize],
    kind: &str,
) -> (String, Vec<EvidenceItem>) {
    if !kind.starts_with("response.") || kind == "response.maxclients" {
        return Default::default();
    }
    let servers = steps.iter();
    let servers = servers.filter_map(|index| RedisEvidence::of_step(bench.source, *index));
    let most = servers
        .filter_map(|server| most_of_step(&server))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    most.map_or_else(Default::default, |(_, sentence, evidence)| {
        (sentence, vec![evidence])
    })
}

/// Returns the largest number of error answers to one command of the load in a step, with a sentence and its
/// evidence; `None` if there was no such answer.
fn most_of_step(server: &RedisEvidence<'_>) -> Option<(f64, String, EvidenceItem)> {
    let counts = |(place, row): (usize, &EvidenceRow)| {
        let name = row.label(commands::COMMAND)?.to_uppercase();
        let count = |(column, how): (ColumnName, &'static str)| {
            let count = row.value(column).filter(|count| *count > 0.0)?;
            Some((count, name.clone(), place, column, how))
        };
        COLUMNS
            .into_iter()
            .filter_map(count)
            .max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let all = server.commands_of("load").filter_map(counts);
    let (count, name, place, column, how) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let label = format!("{} of {name}", column.as_str().replace('_', " "));
    let evidence = server.row_evidence(label, ("commands", place), column.as_str())?;
    let sentence = format!(
        " In one step the server counts {} of {name} that it {how}.",
        counted(count, "call")
    );
    Some((count, sentence, evidence))
}
