//! Number of processes of a control group against `pids.max` of the group and its parents.

use std::path::Path;

use super::directories::CgroupDirectories;
use super::parse;
use super::sample::CgroupPids;
use crate::source::{Gaps, KeptFile, SlowFile, Timed, text};

/// Open files of the numbers of processes of one group and of its parents that have a limit.
#[derive(Debug)]
pub(super) struct PidsFiles {
    current: KeptFile,
    limits: Vec<LimitedGroup>,
}

/// Group with a limit on its number of processes. Each group counts its children too, so a parent
/// may be full while the group itself is not.
#[derive(Debug)]
struct LimitedGroup {
    limit: SlowFile<parse::LimitValue<u64>>,
    current: KeptFile,
    /// Number of forks that were refused, where the kernel counts them.
    events: Option<KeptFile>,
}

impl LimitedGroup {
    fn open(directory: &Path, slow_max_age_ns: u64) -> Option<Self> {
        let limit = directory.join("pids.max");
        let events = directory.join("pids.events");
        limit.exists().then(|| Self {
            limit: SlowFile::new(limit, slow_max_age_ns),
            current: KeptFile::new(directory.join("pids.current")),
            events: events.exists().then(|| KeptFile::new(events)),
        })
    }
}

impl PidsFiles {
    /// Opens the files of the group at `place`; `None` if the group does not count its processes.
    pub(super) fn open(place: &CgroupDirectories, slow_max_age_ns: u64) -> Option<Self> {
        let own = place.pids.as_ref()?;
        let current = own.path.join("pids.current");
        let limited = |directory| LimitedGroup::open(directory, slow_max_age_ns);
        current.exists().then(|| Self {
            current: KeptFile::new(current),
            limits: place.up(own).filter_map(limited).collect(),
        })
    }

    /// Reads the numbers; `None` with a record in `gaps` if the group's own cannot be read.
    pub(super) fn sample(&mut self, gaps: &mut Gaps) -> Option<Timed<CgroupPids>> {
        let own = gaps.keep("cgroup.pids", self.current.read("number", parse::amount))?;
        let mut pids = CgroupPids {
            current: own.value,
            ..CgroupPids::default()
        };
        for group in &mut self.limits {
            let limit = group.limit.read("limit", parse::limit);
            let Some(limit) = gaps.keep("cgroup.pids.limit", limit) else {
                continue;
            };
            if let Some(events) = &mut group.events {
                let refused = events.read("max", |text| text::number(text, "max"));
                let refused = refused.ok().map(|read| read.value);
                pids.refused = pids.refused.max(refused);
            }
            let Some(limit) = limit.value.at() else {
                continue;
            };
            pids.limit = Some(pids.limit.map_or(limit, |known| known.min(limit)));
            let current = group.current.read("number", parse::amount);
            if let (Ok(current), true) = (current, limit > 0) {
                let ratio = current.value as f64 / limit as f64;
                pids.used_ratio = Some(pids.used_ratio.map_or(ratio, |known| known.max(ratio)));
            }
        }
        Some(own.map(|_| pids))
    }
}
