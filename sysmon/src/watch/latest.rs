//! Newest figures of the machine, by name and labels.

use std::collections::BTreeMap;

use crate::figure::{Figures, Labels};
use crate::metric::{cgroup, cpu, memory};

/// Age in nanoseconds up to which the newest figures of a GPU are shown. Its driver is read twice a
/// second or less.
const GPU_LASTS_NS: u64 = 3_000_000_000;

/// Value of the label of the control group that this program runs in.
const OWN: &str = "own";

/// Newest figures of the machine, with the time of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct LatestFigures {
    figures: BTreeMap<(&'static str, Labels), TimedValue>,
}

#[derive(Debug, Clone, Copy)]
struct TimedValue {
    at_ns: u64,
    value: f64,
}

/// Use of CPU time or memory, as a share of a limit or of the whole machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ResourceUse {
    /// Share in use, from 0 to 1: of `limit`, or of the whole machine if there is no limit. `None`
    /// if it was not measured.
    pub(crate) ratio: Option<f64>,
    /// Limit of the control group that this program runs in, in cores or bytes; `None` unless it is
    /// below what the machine has.
    pub(crate) limit: Option<f64>,
}

impl LatestFigures {
    /// Replaces the figures by those of the tick that ended at `at_ns`, in nanoseconds of the
    /// monotonic clock. A figure that is not in `figures` becomes absent, except that those of a
    /// GPU remain for three seconds.
    pub(crate) fn take(&mut self, at_ns: u64, figures: Figures) {
        self.figures.retain(|(name, _), known| {
            name.starts_with("gpu.") && at_ns.saturating_sub(known.at_ns) < GPU_LASTS_NS
        });
        for figure in figures {
            let value = figure.reading.value;
            self.figures
                .insert((figure.name, figure.labels), TimedValue { at_ns, value });
        }
    }

    /// Returns the newest value of the figure `name` that has no labels, such as one of the whole
    /// machine; `None` if it is absent.
    pub(crate) fn value(&self, name: &'static str) -> Option<f64> {
        self.figures
            .get(&(name, Labels::default()))
            .map(|at| at.value)
    }

    /// Returns the newest value of the figure `name` of one device, core or group, which is the one
    /// whose first label has the value `which`; `None` if it is absent.
    pub(crate) fn of(&self, name: &'static str, which: &str) -> Option<f64> {
        let mut all = self.all(name);
        all.find(|(first, _)| *first == which)
            .map(|(_, value)| value)
    }

    /// Iterates over the value of the first label, and the newest value, of all figures `name` that
    /// have labels, in order of their labels.
    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = (&str, f64)> {
        let from = self.figures.range((name, Labels::default())..);
        from.take_while(move |((known, _), _)| *known == name)
            .filter_map(|((_, labels), at)| Some((labels.first()?.1.as_str(), at.value)))
    }

    /// Returns the value of the second label of the first figure `name` whose first label has the
    /// value `which`; `None` if there is none.
    pub(crate) fn second_label(&self, name: &'static str, which: &str) -> Option<&str> {
        let from = self.figures.range((name, Labels::default())..);
        let mut all = from.take_while(|((known, _), _)| *known == name);
        all.find(|((_, labels), _)| labels.first().is_some_and(|(_, first)| first == which))
            .and_then(|((_, labels), _)| Some(labels.get(1)?.1.as_str()))
    }

    /// Returns the numbers of the cores that have a figure, in numerical order.
    pub(crate) fn cores(&self) -> Vec<&str> {
        let mut cores: Vec<&str> = self.all(cpu::BUSY.name()).map(|(core, _)| core).collect();
        cores.sort_by_key(|core| core.parse::<u32>().unwrap_or(u32::MAX));
        cores
    }

    /// Returns the use of CPU time: in a container of its limit if that is below `cores`, the
    /// number of the machine's cores, otherwise of the machine. If that number is `None`, any limit
    /// counts.
    pub(crate) fn cpu(&self, cores: Option<u64>) -> ResourceUse {
        let quota = self.of(cgroup::QUOTA_CORES.name(), OWN);
        let limit = quota.filter(|quota| cores.is_none_or(|cores| *quota < cores as f64));
        self.used(limit, cgroup::CPU_USED_RATIO.name(), cpu::BUSY.name())
    }

    /// Returns the use of memory: in a container of its limit if that is below the machine's
    /// memory, otherwise of the machine.
    pub(crate) fn memory(&self) -> ResourceUse {
        let total = self.value(memory::TOTAL.name());
        let limit = self.of(cgroup::MEMORY_LIMIT.name(), OWN);
        let limit = limit.filter(|limit| total.is_none_or(|total| *limit < total));
        self.used(
            limit,
            cgroup::MEMORY_USED_RATIO.name(),
            memory::USED_RATIO.name(),
        )
    }

    /// Returns the newest value of the figure `name` of the control group that this program runs
    /// in; `None` if it is absent.
    pub(crate) fn own_group(&self, name: &'static str) -> Option<f64> {
        self.of(name, OWN)
    }

    fn used(
        &self,
        limit: Option<f64>,
        of_limit: &'static str,
        of_all: &'static str,
    ) -> ResourceUse {
        let ratio = match limit {
            Some(_) => self.of(of_limit, OWN),
            None => self.value(of_all),
        };
        ResourceUse { ratio, limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(put: impl FnOnce(&mut Figures)) -> LatestFigures {
        let mut figures = Figures::default();
        put(&mut figures);
        let mut machine = LatestFigures::default();
        machine.take(1, figures);
        machine
    }

    #[test]
    fn in_a_container_the_limit_is_what_there_is_to_use() {
        let in_container = machine(|f| {
            f.put_labelled("cpu.busy_ratio", &[], Some(0.1));
            f.put_labelled("memory.used_ratio", &[], Some(0.2));
            f.put_labelled("memory.total_bytes", &[], Some(1000_u64));
            for (name, value) in [
                ("cgroup.cpu.quota_cores", 0.5),
                ("cgroup.cpu.used_ratio", 0.9),
                ("cgroup.memory.limit_bytes", 100.0),
                ("cgroup.memory.used_ratio", 0.8),
            ] {
                f.put_labelled(name, &[("cgroup", "own")], Some(value));
                f.put_labelled(name, &[("cgroup", "other")], Some(value / 3.0));
            }
        });
        let used = |ratio, limit| ResourceUse {
            ratio: Some(ratio),
            limit,
        };
        assert_eq!(in_container.cpu(Some(2)), used(0.9, Some(0.5)));
        assert_eq!(in_container.memory(), used(0.8, Some(100.0)));

        let without_limit = machine(|f| {
            f.put_labelled("cpu.busy_ratio", &[], Some(0.1));
            f.put_labelled("memory.used_ratio", &[], Some(0.2));
            f.put_labelled("memory.total_bytes", &[], Some(1000_u64));
            for (name, value) in [
                ("cgroup.cpu.quota_cores", 2.0),
                ("cgroup.cpu.used_ratio", 0.3),
                ("cgroup.memory.limit_bytes", 1e18),
                ("cgroup.memory.used_ratio", 0.4),
            ] {
                f.put_labelled(name, &[("cgroup", "own")], Some(value));
            }
        });
        assert_eq!(without_limit.cpu(Some(2)), used(0.1, None));
        assert_eq!(without_limit.memory(), used(0.2, None));
    }

    #[test]
    fn a_limit_of_which_the_use_is_not_told_has_no_use() {
        let group = machine(|f| {
            f.put_labelled("cpu.busy_ratio", &[], Some(0.1));
            let own = [("cgroup", "own")];
            f.put_labelled("cgroup.cpu.quota_cores", &own, Some(0.5));
        });
        assert_eq!(group.cpu(Some(2)).ratio, None);
        assert_eq!(group.cpu(Some(2)).limit, Some(0.5));
    }

    #[test]
    fn what_was_not_read_is_absent_but_a_gpu_is_read_less_often() {
        let mut machine = machine(|f| {
            f.put_labelled("cpu.busy_ratio", &[], Some(0.1));
            let gpu = [("gpu", "0"), ("name", "Made-up")];
            f.put_labelled("gpu.utilisation_ratio", &gpu, Some(0.5));
        });
        machine.take(GPU_LASTS_NS, Figures::default());
        assert_eq!(machine.value("cpu.busy_ratio"), None);
        assert_eq!(machine.of("gpu.utilisation_ratio", "0"), Some(0.5));
        let name = machine.second_label("gpu.utilisation_ratio", "0");
        assert_eq!(name, Some("Made-up"));
        machine.take(2 * GPU_LASTS_NS, Figures::default());
        assert_eq!(machine.of("gpu.utilisation_ratio", "0"), None);
    }

    #[test]
    fn cores_are_in_order_of_their_numbers() {
        let machine = machine(|f| {
            f.put_labelled("cpu.busy_ratio", &[], Some(0.5));
            for core in ["0", "1", "10", "2"] {
                f.put_labelled("cpu.busy_ratio", &[("core", core)], Some(0.5));
            }
        });
        assert_eq!(machine.cores(), ["0", "1", "2", "10"]);
    }
}
