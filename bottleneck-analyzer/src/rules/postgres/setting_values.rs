//! Present values of the settings that advice names, with what a change takes: a restart, a reload, or
//! neither.

use crate::assessment::{ComponentKind, Finding};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::postgres::{Setting, named_settings};

/// Adds the present values to the advice of all findings in `out` about `bench`, a PostgreSQL bench, and
/// marks the advice that needs a restart.
pub(super) fn add(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let id = bench.id();
    let of_server = |f: &&mut Finding| f.component == ComponentKind::Postgres && f.is_about(&id);
    for finding in out.findings.iter_mut().filter(of_server) {
        let Some(advice) = &mut finding.advice else {
            continue;
        };
        let mut told: Vec<Setting> = Vec::new();
        for action in &mut advice.actions {
            let mut named = named_settings(action);
            named.retain(|setting| !told.contains(setting));
            advice.needs_restart |= named.iter().any(|setting| setting.needs_restart());
            let present: Vec<String> = named.iter().map(|s| s.present(bench.source)).collect();
            if !present.is_empty() {
                *action = format!("{action} ({})", present.join("; "));
            }
            told.append(&mut named);
        }
        let values = told.iter().filter_map(|s| s.value(bench.source));
        let values: Vec<_> = values
            .filter(|item| !finding.evidence.contains(item))
            .collect();
        finding.evidence.extend(values);
    }
}
