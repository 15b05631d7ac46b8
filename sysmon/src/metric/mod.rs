//! Table of metrics: each row has the names and the description of a metric, and how it is read.
//!
//! A recorder, an exporter and displays all read these rows. A row is recorded as a series under
//! `name`, and exported as a Prometheus family under `exported`: what the kernel counts is a rate
//! over time in a recording, and the counter itself in an export.
//!
//! To add a metric, read it in [`host_metrics::source`] and add a row to the table of its sample.

pub(crate) mod cgroup;
pub(crate) mod cpu;
mod definition;
pub(crate) mod disk;
pub(crate) mod filesystem;
pub(crate) mod gpu;
pub(crate) mod host;
mod info;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod pressure;
pub(crate) mod process;
mod unit;

pub(crate) use definition::{Metric, put_gauges, put_rates, put_rates_of_each};
pub(crate) use info::MetricInfo;
#[cfg(feature = "export")]
pub(crate) use info::MetricKind;
pub(crate) use unit::Unit;

fn infos<S>(metrics: &'static [&'static Metric<S>]) -> impl Iterator<Item = &'static MetricInfo> {
    metrics.iter().map(|metric| &metric.info)
}

/// Iterates over all metrics, in the order in which one looks for the cause of a problem: the
/// machine, its devices, control groups, then process trees, sensors, GPUs and single processes.
pub(crate) fn all() -> impl Iterator<Item = &'static MetricInfo> {
    let machine = infos(cpu::BUSY_TIME)
        .chain(infos(cpu::BUSY_STATES))
        .chain(infos(cpu::OTHER_STATES))
        .chain(infos(cpu::TASKS))
        .chain(infos(host::LOAD))
        .chain(infos(memory::IN_USE))
        .chain(infos(memory::FAULTS))
        .chain(infos(memory::RECLAIM))
        .chain(infos(memory::ARC))
        .chain(infos(memory::SWAP))
        .chain(infos(memory::SWAPPING))
        .chain(pressure::MACHINE.iter().flat_map(|(_, table)| infos(table)));
    let devices = infos(disk::ALL)
        .chain(infos(filesystem::ALL))
        .chain(infos(network::INTERFACE))
        .chain(infos(network::LINK))
        .chain(infos(network::SOFTNET))
        .chain(infos(network::CONNTRACK))
        .chain(infos(network::PORTS))
        .chain(infos(network::UDP))
        .chain(infos(network::TCP))
        .chain(infos(network::LISTEN))
        .chain(infos(network::SOCKETS))
        .chain(infos(network::SOCKETS_BY_STATE))
        .chain(infos(host::HANDLES));
    let groups = infos(cgroup::CPU)
        .chain(infos(cgroup::THROTTLING))
        .chain(infos(cgroup::MEMORY))
        .chain(infos(cgroup::EVENTS))
        .chain(infos(cgroup::LIMITS))
        .chain(infos(cgroup::PIDS))
        .chain(infos(cgroup::IO))
        .chain(pressure::CGROUP.iter().flat_map(|(_, table)| infos(table)));
    let rest = infos(process::TREE)
        .chain(infos(host::TEMPERATURES))
        .chain(infos(host::CLOCKS))
        .chain(infos(gpu::ALL))
        .chain(infos(process::ALWAYS))
        .chain(infos(process::CHILDREN))
        .chain(infos(process::THREADS))
        .chain(infos(process::FAULTS))
        .chain(infos(process::IO))
        .chain(infos(process::SCHEDULER))
        .chain(infos(process::DETAIL));
    machine.chain(devices).chain(groups).chain(rest)
}

/// Returns the metric that is recorded as `name`; `None` if there is none.
pub(crate) fn find(name: &str) -> Option<&'static MetricInfo> {
    all().find(|info| info.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn no_two_rows_share_a_series_and_families_differ_by_a_label() {
        let (mut names, mut exported) = (HashSet::new(), HashSet::new());
        let mut helps: HashMap<&str, &str> = HashMap::new();
        for info in all() {
            assert!(names.insert(info.name), "{}", info.name);
            assert!(!info.help.is_empty() && info.help.ends_with('.'));
            if let Some(family) = info.exported {
                assert!(exported.insert((family, info.label)), "{family}");
                assert_eq!(*helps.entry(family).or_insert(info.help), info.help);
            }
        }
        assert_eq!(find("cpu.busy_ratio").unwrap().unit(), Unit::Ratio);
        assert!(find("cpu").is_none());
    }
}
