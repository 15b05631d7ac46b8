//! Limits that allow server and generator fewer cores than the machine has.

use bench_report::names;

use crate::assessment::EvidenceItem;
use crate::figures::plain;
use crate::machine_recording::MachineRecording;
use crate::source_report::SourceReport;

/// Largest ratio of measured use ÷ limit that sampling errors explain; above it, the limit is not that of
/// the server.
const SLACK: f64 = 1.1;

/// Reason why fewer cores are allowed than the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CoreLimitKind {
    /// CPU quota, or affinity, of the whole run.
    Quota,
    /// Affinities of server and generator, which share the cores.
    SharedAffinity,
    /// Affinity of the server alone.
    ServerAffinity,
}

/// Limit on the number of cores that the server, or server and generator, may use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CoreLimit {
    /// Number of cores that may be used.
    pub(crate) cores: f64,
    /// Reason of the limit.
    pub(crate) kind: CoreLimitKind,
    /// Evidence of the number.
    pub(crate) evidence: Option<EvidenceItem>,
}

impl CoreLimit {
    /// Finds the limit of step `index` that is used up first; `None` unless one allows fewer than the
    /// machine's `cores`. `server_cores` and `generator_cores` are the cores used; those of the server are
    /// `None` if they are not known.
    pub(crate) fn of_step(
        source: &SourceReport,
        index: usize,
        machine: MachineRecording<'_>,
        cores: f64,
        (server_cores, generator_cores): (Option<f64>, f64),
    ) -> Option<Self> {
        let quota = machine.allowed_cores().map(|(cores, evidence)| Self {
            cores,
            kind: CoreLimitKind::Quota,
            evidence,
        });
        let affinity =
            |kind| Self::affinity(source, index, kind).filter(|limit| limit.cores < cores);
        let of_both = [quota, affinity(CoreLimitKind::SharedAffinity)];
        let of_both = of_both.into_iter().flatten();
        let of_both = of_both.min_by(|a, b| a.cores.total_cmp(&b.cores));
        let Some(alone) = affinity(CoreLimitKind::ServerAffinity) else {
            return of_both;
        };
        let used = |limit: &Self| {
            limit
                .used_ratio(server_cores, generator_cores)
                .unwrap_or(0.0)
        };
        match of_both {
            Some(both) if used(&both) >= used(&alone) => Some(both),
            _ => Some(alone),
        }
    }

    /// Reads a limit by affinity from the evidence about the server; `None` if it is not known. The
    /// affinity of a server whose processes were not counted together (Redis, of one thread) is judged
    /// elsewhere.
    fn affinity(source: &SourceReport, index: usize, kind: CoreLimitKind) -> Option<Self> {
        let (name, label) = match kind {
            CoreLimitKind::ServerAffinity => (
                names::postgres::CORES_ALLOWED,
                "cores that the server may use",
            ),
            _ => (
                names::postgres::CORES_ALLOWED_EITHER,
                "cores that server and generator may use",
            ),
        };
        let server = source.report.steps.get(index)?.server.as_ref()?;
        let is_counted = server.value(names::postgres::SERVER_CPU_NS).is_some();
        if kind == CoreLimitKind::ServerAffinity && !is_counted {
            return None;
        }
        let cores = server.value(name).filter(|n| *n > 0.0)?;
        let pointer = format!("/steps/{index}/server/figures/{name}");
        Some(Self {
            cores,
            kind,
            evidence: source.evidence(label, &pointer),
        })
    }

    /// Returns the used share of the limit, from 0 to 1. `None` if the server's use is not known, or if the
    /// use is above the limit, because then the limit is not that of the server.
    pub(crate) fn used_ratio(
        &self,
        server_cores: Option<f64>,
        generator_cores: f64,
    ) -> Option<f64> {
        let used = match self.kind {
            CoreLimitKind::ServerAffinity => server_cores?,
            CoreLimitKind::Quota | CoreLimitKind::SharedAffinity => server_cores? + generator_cores,
        };
        let ratio = used / self.cores;
        (ratio <= SLACK).then(|| ratio.min(1.0))
    }

    /// Returns the name of what is used up: `CPU quota` or `CPU that the server may use`.
    pub(crate) fn resource(&self) -> &'static str {
        match self.kind {
            CoreLimitKind::Quota => "CPU quota",
            CoreLimitKind::SharedAffinity => "CPU that server and generator may use",
            CoreLimitKind::ServerAffinity => "CPU that the server may use",
        }
    }

    /// Returns the limit in words: `the 1 core allowed`, `the 1.5 cores allowed`.
    pub(crate) fn words(&self) -> String {
        let cores = plain(self.cores);
        let unit = if cores == "1" { "core" } else { "cores" };
        let whom = match self.kind {
            CoreLimitKind::ServerAffinity => " to the server",
            CoreLimitKind::Quota | CoreLimitKind::SharedAffinity => "",
        };
        format!("the {cores} {unit} allowed{whom}")
    }

    /// Returns true if an affinity is the limit, which leaves other cores of the machine idle.
    pub(crate) fn is_affinity(&self) -> bool {
        self.kind != CoreLimitKind::Quota
    }
}
