//! Check of the machine's limits against the planned number of connections, before the first one is
//! opened.

use bench_cli::bench::Bench;

use crate::machine::machine_limits::{MachineLimits, ServerPlacement, Shortage, shortage};
use crate::server::endpoint::WsEndpoint;

/// Returns the limit of this machine that does not allow `max` connections in this number of
/// `processes`; `None` if the machine allows them. Prints a warning about the limit and adds it to
/// the report, before the first connection is opened.
pub(crate) fn planned_shortage(
    bench: &mut Bench,
    endpoint: &WsEndpoint,
    max: u64,
    processes: u64,
) -> Option<Shortage> {
    let server = ServerPlacement {
        local: endpoint.is_local(),
        many_sources: endpoint.spreads_sources(),
    };
    let machine = MachineLimits::prepare(bench.report.environment.cgroup.as_ref());
    let shortage = shortage(max, &machine, server, processes)?;
    let warning = shortage.warning(max);
    bench.line(&format!("warning: {}", warning.message));
    bench.warn(warning);
    Some(shortage)
}
