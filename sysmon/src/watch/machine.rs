//! The figures of the machine as they stand, by name and label.

use std::collections::BTreeMap;

use host_metrics::figure::{Figures, Labels};

/// The driver's thread reads GPUs twice a second or less, so their figures outlast a tick.
const GPU_LASTS_NS: u64 = 3_000_000_000;

/// What our own control group is called.
const OWN: &str = "own";

/// The newest figures.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    figures: BTreeMap<(&'static str, Labels), At>,
}

#[derive(Debug, Clone, Copy)]
struct At {
    at_ns: u64,
    value: f64,
}

/// What there is to use of a resource, and how much of it is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Used {
    /// Share of what there is.
    pub ratio: Option<f64>,
    /// The limit of our own control group, in cores or bytes, where that is less than the machine
    /// has.
    pub limit: Option<f64>,
}

impl Machine {
    /// Takes in the figures of the tick that ended at `at_ns`: what is not among them is absent.
    pub fn take(&mut self, at_ns: u64, figures: Figures) {
        self.figures.retain(|(name, _), known| {
            name.starts_with("gpu.") && at_ns.saturating_sub(known.at_ns) < GPU_LASTS_NS
        });
        for figure in figures {
            let value = figure.reading.value;
            self.figures
                .insert((figure.name, figure.labels), At { at_ns, value });
        }
    }

    /// A figure of which there is but one.
    pub fn value(&self, name: &'static str) -> Option<f64> {
        self.figures
            .get(&(name, Labels::default()))
            .map(|at| at.value)
    }

    /// The figure of one device, core or target, told by its first label.
    pub fn of(&self, name: &'static str, which: &str) -> Option<f64> {
        let mut all = self.all(name);
        all.find(|(first, _)| *first == which)
            .map(|(_, value)| value)
    }

    /// What each of them shows, in order of their labels.
    pub fn all(&self, name: &'static str) -> impl Iterator<Item = (&str, f64)> {
        let from = self.figures.range((name, Labels::default())..);
        from.take_while(move |((known, _), _)| *known == name)
            .filter_map(|((_, labels), at)| Some((labels.first()?.1.as_str(), at.value)))
    }

    /// The second label of the first one that has this figure and first label.
    pub fn second_label(&self, name: &'static str, which: &str) -> Option<&str> {
        let from = self.figures.range((name, Labels::default())..);
        let mut all = from.take_while(|((known, _), _)| *known == name);
        all.find(|((_, labels), _)| labels.first().is_some_and(|(_, first)| first == which))
            .and_then(|((_, labels), _)| Some(labels.get(1)?.1.as_str()))
    }

    /// The numbers of the cores, in order.
    pub fn cores(&self) -> Vec<&str> {
        let mut cores: Vec<&str> = self.all("cpu.busy_ratio").map(|(core, _)| core).collect();
        cores.sort_by_key(|core| core.parse::<u32>().unwrap_or(u32::MAX));
        cores
    }

    /// CPU time, of the limit in a container and of the machine elsewhere.
    pub fn cpu(&self, cores: Option<u64>) -> Used {
        let quota = self.of("cgroup.cpu.quota_cores", OWN);
        let limit = quota.filter(|quota| cores.is_none_or(|cores| *quota < cores as f64));
        self.used(limit, "cgroup.cpu.used_ratio", "cpu.busy_ratio")
    }

    /// Memory, likewise.
    pub fn memory(&self) -> Used {
        let total = self.value("memory.total_bytes");
        let limit = self.of("cgroup.memory.limit_bytes", OWN);
        let limit = limit.filter(|limit| total.is_none_or(|total| *limit < total));
        self.used(limit, "cgroup.memory.used_ratio", "memory.used_ratio")
    }

    /// A figure of our own control group.
    pub fn own_group(&self, name: &'static str) -> Option<f64> {
        self.of(name, OWN)
    }

    fn used(&self, limit: Option<f64>, of_limit: &'static str, of_all: &'static str) -> Used {
        let ratio = match limit {
            Some(_) => self.of(of_limit, OWN),
            None => self.value(of_all),
        };
        Used { ratio, limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(put: impl FnOnce(&mut Figures)) -> Machine {
        let mut figures = Figures::default();
        put(&mut figures);
        let mut machine = Machine::default();
        machine.take(1, figures);
        machine
    }

    #[test]
    fn in_a_container_the_limit_is_what_there_is_to_use() {
        let in_container = machine(|f| {
            f.put("cpu.busy_ratio", Some(0.1));
            f.put("memory.used_ratio", Some(0.2));
            f.put("memory.total_bytes", Some(1000_u64));
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
        let used = |ratio, limit| Used {
            ratio: Some(ratio),
            limit,
        };
        assert_eq!(in_container.cpu(Some(2)), used(0.9, Some(0.5)));
        assert_eq!(in_container.memory(), used(0.8, Some(100.0)));

        let without_limit = machine(|f| {
            f.put("cpu.busy_ratio", Some(0.1));
            f.put("memory.used_ratio", Some(0.2));
            f.put("memory.total_bytes", Some(1000_u64));
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
            f.put("cpu.busy_ratio", Some(0.1));
            let own = [("cgroup", "own")];
            f.put_labelled("cgroup.cpu.quota_cores", &own, Some(0.5));
        });
        assert_eq!(group.cpu(Some(2)).ratio, None);
        assert_eq!(group.cpu(Some(2)).limit, Some(0.5));
    }

    #[test]
    fn what_was_not_read_is_absent_but_a_gpu_is_read_less_often() {
        let mut machine = machine(|f| {
            f.put("cpu.busy_ratio", Some(0.1));
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
            f.put("cpu.busy_ratio", Some(0.5));
            for core in ["0", "1", "10", "2"] {
                f.put_labelled("cpu.busy_ratio", &[("core", core)], Some(0.5));
            }
        });
        assert_eq!(machine.cores(), ["0", "1", "2", "10"]);
    }
}
