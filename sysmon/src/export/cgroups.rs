//! Exported metrics of control groups: use and limits.

use host_metrics::source::cgroup::CgroupSample;

use super::exposition::Families;
use crate::metric::{cgroup, pressure};

/// Adds the metrics of each control group in `groups` to `out`, with the group's name as label
/// `cgroup`.
pub(crate) fn families(groups: &[CgroupSample], out: &mut Families) {
    for group in groups {
        let labels = &[("cgroup", group.name.as_str())];
        out.table(cgroup::LIMITS, group, labels);
        if let Some(cpu) = &group.cpu {
            out.table(cgroup::CPU, &cpu.value, labels);
        }
        if let Some(throttling) = &group.throttling {
            out.table(cgroup::THROTTLING, &throttling.value, labels);
        }
        if let Some(memory) = &group.memory {
            out.table(cgroup::MEMORY, &memory.value, labels);
        }
        if let Some(events) = &group.memory_events {
            out.table(cgroup::EVENTS, &events.value, labels);
        }
        if let Some(pids) = &group.pids {
            out.table(cgroup::PIDS, &pids.value, labels);
        }
        if let Some(io) = &group.io {
            out.table(cgroup::IO, &io.value, labels);
        }
        for (stall, (_, table)) in pressure::resources(&group.pressure)
            .into_iter()
            .zip(pressure::CGROUP)
        {
            if let Some(stall) = stall {
                out.table(table, &stall.value, labels);
            }
        }
    }
}
