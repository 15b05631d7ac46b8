//! Evidence about a PostgreSQL server at the operating point of a bench.

use super::evidence::PostgresEvidence;
use crate::bench_facts::BenchFacts;

impl<'a> PostgresEvidence<'a> {
    /// Returns the evidence of the step chosen for the operating point of `bench`; `None` if none was chosen.
    pub(crate) fn of_operating_step(bench: &BenchFacts<'a>) -> Option<Self> {
        Self::of_step(bench.source, bench.operating_step()?.0)
    }
}
