//! Last readings of pressure counters, from which shares of stalled time are computed.

use host_metrics::rate_window::Baseline;
use host_metrics::source::pressure::{PressureSample, PressureStall};

use crate::figure::Figures;
use crate::metric::{pressure, put_rates};

/// Last readings of the pressure counters of the host or of one control group.
#[derive(Debug)]
pub(super) struct PressureBaselines {
    cpu: Baseline<PressureStall>,
    memory: Baseline<PressureStall>,
    io: Baseline<PressureStall>,
}

impl Default for PressureBaselines {
    fn default() -> Self {
        let [cpu, memory, io] = [(); 3].map(|()| Baseline::with_least_window(0));
        Self { cpu, memory, io }
    }
}

impl PressureBaselines {
    /// Adds to `out`, for each resource, the share of the time since its last reading in which
    /// tasks waited for it. Adds nothing at the first reading.
    pub(super) fn advance(
        &mut self,
        sample: PressureSample,
        tables: &pressure::PressureTables,
        labels: &[(&'static str, &str)],
        out: &mut Figures,
    ) {
        let resources = [
            (&mut self.cpu, sample.cpu),
            (&mut self.memory, sample.memory),
            (&mut self.io, sample.io),
        ];
        for ((baseline, stall), (_, table)) in resources.into_iter().zip(tables) {
            baseline.advance(stall, |old, new, window| {
                put_rates(table, (old, new), window, labels, out);
            });
        }
    }
}
