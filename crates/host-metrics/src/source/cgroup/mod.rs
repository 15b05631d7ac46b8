//! Control groups of either version: what a group uses, what it may use, and how often it was
//! held back. Inside a container the group's limit, not the machine, is what there is to use.
//!
//! A limit of a parent binds its children, so the tightest on the way to the root counts. A
//! group is its own directory in version 2, and one under each controller in version 1.
//!
//! Groups come and go: one that is made late is found then, and one that was removed and made again
//! is another, whose counters begin anew (`slot`).

mod directories;
mod parse;
mod quota;
mod tracked_cgroup;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::monotonic_ns;

use super::pressure::{self, PressureSample};
use super::{Gaps, KeptFile, Roots, SlowFile, SourceError, SourceOptions, Timed};
use directories::{CgroupDirectories, CgroupDirectory, CgroupVersion};
use parse::LimitValue;
use tracked_cgroup::TrackedCgroup;

pub use quota::{QuotaError, QuotaGroup, QuotaUse};

/// What one group has used so far, and may use. What its version or kernel lacks is absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CgroupSample {
    /// `own`, or the name that was asked for.
    pub name: String,
    /// Tells it from one that had its name before.
    pub identity: [u64; 4],
    /// CPU time.
    pub cpu: Option<Timed<CgroupCpu>>,
    /// Number of cores it may use at once; absent without a quota.
    pub quota_cores: Option<f64>,
    /// True if a quota on the way to the root could not be read, so that there may be a tighter one.
    pub quota_unread: bool,
    /// Number of times that the quota held it back.
    pub throttling: Option<Timed<Throttling>>,
    /// Memory.
    pub memory: Option<Timed<CgroupMemory>>,
    /// Amount of memory it may hold; absent without a limit.
    pub memory_limit_bytes: Option<u64>,
    /// True if a limit on the way to the root could not be read, so that there may be a tighter one.
    pub memory_limit_unread: bool,
    /// Events at the limit.
    pub memory_events: Option<Timed<MemoryEvents>>,
    /// Transfers to and from disks.
    pub io: Option<Timed<CgroupIo>>,
    /// Time stalled; only version 2 has it.
    pub pressure: PressureSample,
}

/// CPU time since the group was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupCpu {
    /// In all states, of all its processes, those that have ended included.
    pub used_ns: u64,
}

/// Number of times that the quota held a group back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttling {
    /// Periods in which it wanted to run.
    pub periods: u64,
    /// Of these, in which the quota was used up.
    pub throttled_periods: u64,
    /// Time it stood still, added up over its CPUs.
    pub throttled_ns: u64,
}

/// Memory that a group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupMemory {
    /// All that is charged to it, files included.
    pub used_bytes: u64,
    /// The same without copies of files that nobody used lately and that go first.
    pub working_set_bytes: Option<u64>,
}

/// Number of times that a group met its memory limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryEvents {
    /// It had to give something back, or failed to.
    pub limit_hits: Option<u64>,
    /// A process was killed.
    pub oom_kills: Option<u64>,
}

/// Transfers since the group was made, over all disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupIo {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
}

/// The groups of one recording: our own where there is one, and those that were named.
#[derive(Debug)]
pub struct Cgroups {
    roots: Roots,
    slow_stands_ns: u64,
    slots: Vec<TrackedCgroup>,
    /// Of the processes that are followed, as far as they are in none of the others.
    followed: Vec<TrackedCgroup>,
    processes: Vec<u32>,
    looked_ns: Option<u64>,
}

impl Cgroups {
    /// Our own group and those that are asked for, whether they are there by now or not.
    pub fn of(roots: &Roots, selection: &SourceOptions) -> Self {
        let wanted: BTreeSet<&String> = selection.cgroups.iter().collect();
        let named = wanted.into_iter().map(|name| TrackedCgroup::named(name));
        Self {
            roots: roots.clone(),
            slow_stands_ns: selection.slow_stands_ns,
            slots: std::iter::once(TrackedCgroup::own(roots))
                .chain(named)
                .collect(),
            followed: Vec::new(),
            processes: Vec::new(),
            looked_ns: None,
        }
    }

    /// Reads the groups of these processes too, wherever they may be moved.
    pub fn follow(&mut self, processes: impl Iterator<Item = u32>) {
        self.processes.clear();
        self.processes.extend(processes);
    }

    /// Reads all that are there. One that was asked for and is not there is noted in `gaps` for as
    /// long; not to be in any group is no gap.
    pub fn sample(&mut self, gaps: &mut Gaps) -> Vec<CgroupSample> {
        let now_ns = monotonic_ns();
        let stands = |looked_ns: u64| now_ns.saturating_sub(looked_ns) < self.slow_stands_ns;
        if !self.looked_ns.is_some_and(stands) {
            self.looked_ns = Some(now_ns);
            for slot in &mut self.slots {
                slot.look(&self.roots, self.slow_stands_ns, gaps);
            }
            self.look_for_followed();
        }
        let slots = self.slots.iter_mut().chain(&mut self.followed);
        slots.filter_map(|slot| slot.sample(gaps)).collect()
    }

    fn look_for_followed(&mut self) {
        let mut before = std::mem::take(&mut self.followed);
        for pid in &self.processes {
            let Some(found) = TrackedCgroup::of_process(&self.roots, *pid, self.slow_stands_ns)
            else {
                continue;
            };
            let mut known = self.slots.iter().chain(&self.followed);
            if known.any(|slot| slot.is_same(&found)) {
                continue;
            }
            let place = before.iter().position(|slot| slot.is_same(&found));
            let kept = place.map(|place| before.swap_remove(place));
            self.followed.push(kept.unwrap_or(found));
        }
    }
}

/// The files of one group. Those that its version lacks are absent.
#[derive(Debug)]
struct CgroupFiles {
    name: String,
    cpu: VersionedFile,
    throttling: VersionedFile,
    quotas: Vec<QuotaFiles>,
    memory: VersionedFile,
    memory_stat: VersionedFile,
    limits: Vec<SlowFile<LimitValue<u64>>>,
    memory_events: VersionedFile,
    io: VersionedFile,
    pressure: Option<[KeptFile; 3]>,
    unmounted: Vec<&'static str>,
}

/// A file, and the version that tells its form.
type VersionedFile = Option<(KeptFile, CgroupVersion)>;

/// Files of a quota: one, or two.
#[derive(Debug)]
enum QuotaFiles {
    Max(SlowFile<LimitValue<f64>>),
    QuotaAndPeriod(SlowFile<LimitValue<u64>>, SlowFile<LimitValue<u64>>),
}

impl QuotaFiles {
    fn cores(&mut self) -> Result<Option<f64>, Arc<SourceError>> {
        match self {
            Self::Max(file) => Ok(file.read("quota", parse::cpu_max)?.value.at()),
            Self::QuotaAndPeriod(quota, period) => {
                let quota = quota.read("quota", parse::limit)?.value.at();
                let period = period.read("period", parse::limit)?.value.at();
                let both = quota.zip(period.filter(|period| *period > 0));
                Ok(both.map(|(quota, period)| quota as f64 / period as f64))
            }
        }
    }
}

impl CgroupFiles {
    fn open(name: &str, place: &CgroupDirectories, slow_stands_ns: u64) -> Self {
        let file = |directory: &Option<CgroupDirectory>, v1: &str, in_v2: &str| {
            let CgroupDirectory { path, version } = directory.as_ref()?;
            let name = match version {
                CgroupVersion::One => v1,
                CgroupVersion::Two => in_v2,
            };
            Some((KeptFile::new(path.join(name)), *version))
        };
        // To look for what is not there would cost more than all that is: the root has no limits.
        let existing = |path: PathBuf| path.exists().then_some(path);
        let slow = |path| SlowFile::new(path, slow_stands_ns);
        let quota = |version: CgroupVersion, directory: &Path| match version {
            CgroupVersion::Two => {
                let file = existing(directory.join("cpu.max"))?;
                Some(QuotaFiles::Max(SlowFile::new(file, slow_stands_ns)))
            }
            CgroupVersion::One => {
                let quota = existing(directory.join("cpu.cfs_quota_us"))?;
                let period = existing(directory.join("cpu.cfs_period_us"))?;
                Some(QuotaFiles::QuotaAndPeriod(slow(quota), slow(period)))
            }
        };
        let limit = |version: CgroupVersion, directory: &Path| {
            let file = match version {
                CgroupVersion::One => "memory.limit_in_bytes",
                CgroupVersion::Two => "memory.max",
            };
            existing(directory.join(file)).map(slow)
        };
        let quotas = place.cpu.iter().flat_map(|cpu| {
            let up = place.up(cpu);
            up.filter_map(|directory| quota(cpu.version, directory))
        });
        let limits = place.memory.iter().flat_map(|memory| {
            let up = place.up(memory);
            up.filter_map(|directory| limit(memory.version, directory))
        });
        Self {
            name: name.to_owned(),
            cpu: file(&place.cpu_account, "cpuacct.usage", "cpu.stat"),
            throttling: file(&place.cpu, "cpu.stat", "cpu.stat"),
            quotas: quotas.collect(),
            memory: file(&place.memory, "memory.usage_in_bytes", "memory.current"),
            memory_stat: file(&place.memory, "memory.stat", "memory.stat"),
            limits: limits.collect(),
            memory_events: file(&place.memory, "memory.oom_control", "memory.events"),
            io: file(&place.io, "blkio.throttle.io_service_bytes", "io.stat"),
            pressure: pressure(place),
            unmounted: place.unmounted.clone(),
        }
    }

    fn sample(&mut self, gaps: &mut Gaps) -> CgroupSample {
        for controller in &self.unmounted {
            let why = format!("the control groups of {controller} are not at /sys/fs/cgroup");
            gaps.note(part_of(controller), &why);
        }
        let cpu = read(&mut self.cpu, "CPU time", parse::cpuacct, parse::cpu_stat);
        let throttling = parse::throttling;
        let throttling = read(&mut self.throttling, "periods", throttling, throttling);
        let amount = parse::amount;
        let memory = read(&mut self.memory, "memory in use", amount, amount);
        let inactive = read(
            &mut self.memory_stat,
            "inactive files",
            |text| parse::inactive_files(text, false),
            |text| parse::inactive_files(text, true),
        );
        let inactive = inactive.and_then(Result::ok);
        let memory = memory.map(|used| {
            used.map(|used| {
                used.map(|used_bytes| CgroupMemory {
                    used_bytes,
                    working_set_bytes: inactive
                        .as_ref()
                        .map(|inactive| used_bytes.saturating_sub(inactive.value)),
                })
            })
        });
        let (v1, v2) = (parse::oom_control, parse::memory_events);
        let memory_events = read(&mut self.memory_events, "events", v1, v2);
        let io = read(&mut self.io, "transfers", parse::blkio, parse::io_stat);
        let limits = self.limits.iter_mut().map(|file| {
            let limit = file.read("limit", parse::limit)?.value.at();
            Ok(limit.map(|bytes| bytes as f64))
        });
        let (limit, memory_limit_unread) = tightest("cgroup.memory.limit", limits, gaps);
        let quotas = self.quotas.iter_mut().map(QuotaFiles::cores);
        let (quota_cores, quota_unread) = tightest("cgroup.cpu.quota", quotas, gaps);
        CgroupSample {
            name: self.name.clone(),
            identity: Default::default(),
            quota_cores,
            quota_unread,
            memory_limit_bytes: limit.map(|bytes| bytes as u64),
            memory_limit_unread,
            cpu: keep("cgroup.cpu", cpu, gaps),
            // Without a quota anywhere there are no periods to count, and old kernels no file.
            throttling: throttling.and_then(Result::ok),
            memory: keep("cgroup.memory", memory, gaps),
            memory_events: keep("cgroup.memory.events", memory_events, gaps),
            io: keep("cgroup.io", io, gaps),
            pressure: self.stalls(),
        }
    }

    fn stalls(&mut self) -> PressureSample {
        let mut stall = |index: usize| {
            let file = &mut self.pressure.as_mut()?[index];
            file.read("total", pressure::parse).ok()
        };
        PressureSample {
            cpu: stall(0),
            memory: stall(1),
            io: stall(2),
        }
    }
}

/// The least of the limits that bind a group, and whether one of them could not be read.
fn tightest(
    what: &'static str,
    limits: impl Iterator<Item = Result<Option<f64>, Arc<SourceError>>>,
    gaps: &mut Gaps,
) -> (Option<f64>, bool) {
    let mut unread = false;
    let known = limits.filter_map(|limit| {
        let limit = gaps.keep(what, limit);
        unread |= limit.is_none();
        limit.flatten()
    });
    (known.reduce(f64::min), unread)
}

type FileRead<T> = Option<Result<Timed<T>, SourceError>>;

fn read<T>(
    file: &mut VersionedFile,
    wanted: &'static str,
    v1: impl FnOnce(&str) -> Option<T>,
    v2: impl FnOnce(&str) -> Option<T>,
) -> FileRead<T> {
    let (file, version) = file.as_mut()?;
    Some(match version {
        CgroupVersion::One => file.read(wanted, v1),
        CgroupVersion::Two => file.read(wanted, v2),
    })
}

/// The files that tell of time stalled, which only version 2 has: those of the CPU's group, or
/// where that is of version 1, of memory's.
fn pressure(place: &CgroupDirectories) -> Option<[KeptFile; 3]> {
    let all = [&place.cpu, &place.memory, &place.io];
    let mut all = all.into_iter().flatten();
    let directory = all.find(|directory| directory.version == CgroupVersion::Two)?;
    let paths = ["cpu", "memory", "io"].map(|resource| {
        let file = format!("{resource}.pressure");
        directory.path.join(file)
    });
    paths
        .iter()
        .all(|path| path.exists())
        .then(|| paths.map(KeptFile::new))
}

/// Figures that a controller of version 1 gives.
fn part_of(controller: &str) -> &'static str {
    match controller {
        "memory" => "cgroup.memory",
        "blkio" => "cgroup.io",
        _ => "cgroup.cpu",
    }
}

/// Notes what failed; a controller that the group is not under has no file, which is no failure.
fn keep<T>(what: &'static str, read: FileRead<T>, gaps: &mut Gaps) -> Option<Timed<T>> {
    gaps.keep(what, read?)
}
