//! Reader of the files of one control group.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directories::{CgroupDirectories, CgroupDirectory, CgroupVersion};
use super::parse::{self, LimitValue};
use super::pids::PidsFiles;
use super::sample::{CgroupMemory, CgroupSample};
use crate::source::pressure::{self, PressureSample};
use crate::source::{Gaps, KeptFile, SlowFile, SourceError, Timed};

/// Open files of one control group. Files that its version of the interface lacks are `None`.
#[derive(Debug)]
pub(super) struct CgroupFiles {
    name: String,
    cpu: VersionedFile,
    throttling: VersionedFile,
    quotas: Vec<QuotaFiles>,
    memory: VersionedFile,
    memory_stat: VersionedFile,
    limits: Vec<SlowFile<LimitValue<u64>>>,
    memory_events: VersionedFile,
    io: VersionedFile,
    pids: Option<PidsFiles>,
    pressure: Option<[KeptFile; 3]>,
    unmounted: Vec<&'static str>,
}

/// File of a control group, with the interface version that determines its format.
type VersionedFile = Option<(KeptFile, CgroupVersion)>;

/// Files that set a CPU quota: one file in version 2, two in version 1.
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
    pub(super) fn open(name: &str, place: &CgroupDirectories, slow_max_age_ns: u64) -> Self {
        let file = |directory: &Option<CgroupDirectory>, v1: &str, in_v2: &str| {
            let CgroupDirectory { path, version } = directory.as_ref()?;
            let name = match version {
                CgroupVersion::One => v1,
                CgroupVersion::Two => in_v2,
            };
            Some((KeptFile::new(path.join(name)), *version))
        };
        // Trying to open missing files at every sample would cost more than reading: the root group
        // has no limits.
        let existing = |path: PathBuf| path.exists().then_some(path);
        let slow = |path| SlowFile::new(path, slow_max_age_ns);
        let quota = |version: CgroupVersion, directory: &Path| match version {
            CgroupVersion::Two => {
                let file = existing(directory.join("cpu.max"))?;
                Some(QuotaFiles::Max(SlowFile::new(file, slow_max_age_ns)))
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
            pids: PidsFiles::open(place, slow_max_age_ns),
            pressure: pressure(place),
            unmounted: place.unmounted.clone(),
        }
    }

    pub(super) fn sample(&mut self, gaps: &mut Gaps) -> CgroupSample {
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
            // Without a quota there are no periods to count, and old kernels lack the file.
            throttling: throttling.and_then(Result::ok),
            memory: keep("cgroup.memory", memory, gaps),
            memory_events: keep("cgroup.memory.events", memory_events, gaps),
            io: keep("cgroup.io", io, gaps),
            pids: self.pids.as_mut().and_then(|pids| pids.sample(gaps)),
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

/// Returns the lowest of the limits that apply to a group, `None` if there is none, and true if
/// one of them could not be read. Failures are recorded in `gaps` under the name `what`.
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

/// Opens the files of pressure on CPU, memory and disks, which only version 2 has. They are in the
/// directory of the first controller with that version. `None` if there is no such controller or
/// one of the files does not exist.
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

/// Returns the name under which the figures of a version 1 controller are reported.
fn part_of(controller: &str) -> &'static str {
    match controller {
        "memory" => "cgroup.memory",
        "blkio" => "cgroup.io",
        _ => "cgroup.cpu",
    }
}

/// Returns the reading; records a failed one in `gaps` and returns `None`. A missing file, because
/// the controller does not have the group, is no failure.
fn keep<T>(what: &'static str, read: FileRead<T>, gaps: &mut Gaps) -> Option<Timed<T>> {
    gaps.keep(what, read?)
}
