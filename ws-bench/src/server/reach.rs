//! First contact with the servers of a run, before its load.

use std::time::Duration;

use bench_cli::Remedy as _;
use bench_cli::bench::Bench;
use bench_report::{Warning, WarningCode};

use crate::server::probe::{ProbeResult, ProbeScope, probe};
use crate::server::probe_finding::{ProbeFinding, Unreached};
use crate::server::remedy;
use crate::server::server_list::ServerList;
use crate::server::target::WsTarget;

/// Probes every server of `target`, with `bound` as time-out of each phase. Shows what was found out,
/// adds it to the report, and returns the servers at the addresses that answered; `None` if a signal
/// ended the probe.
///
/// # Errors
/// If a server cannot be reached or sends no echo, with a remedy.
pub(crate) fn reach(
    bench: &mut Bench,
    target: &WsTarget,
    bound: Duration,
) -> anyhow::Result<Option<ServerList>> {
    let findings = match probe(target, ProbeScope::Every, bound, &bench.cancel)? {
        ProbeResult::Echo(findings) => findings,
        ProbeResult::Interrupted => return Ok(None),
        ProbeResult::Nothing(unreached) => return Err(unreachable(&unreached)),
    };
    for line in findings.iter().flat_map(ProbeFinding::lines) {
        bench.line(&line);
    }
    let told = findings.iter().map(ProbeFinding::json).collect();
    bench.report.config.insert("servers".to_owned(), told);
    if target.route.tls.as_ref().is_some_and(|tls| tls.is_insecure) {
        let text = "--insecure: the certificates of servers were not checked, so that another one may \
                    have answered in their place";
        bench.line(&format!("warning: {text}"));
        bench.warn(Warning::new(WarningCode::EvidenceMissing, text));
    }
    Ok(ServerList::new(findings.into_iter().map(|f| f.server)))
}

fn unreachable(unreached: &Unreached) -> anyhow::Error {
    let error = anyhow::Error::msg(remedy::sentence(unreached));
    let advised: anyhow::Result<()> = Err(error).remedy(remedy::advice(unreached));
    advised
        .err()
        .unwrap_or_else(|| anyhow::anyhow!("cannot connect"))
}
