//! Machine on which a report was made. Figures are only comparable between reports of the same
//! machine.

use std::collections::BTreeMap;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// Limits of the Linux control group in which the program ran.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Cgroup {
    /// Version of the control groups' interface, 1 or 2.
    pub version: u64,
    /// CPU quota divided by its period, in cores: the smallest of the group and its parents.
    /// Absent when unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota_cores: Option<f64>,
    /// Memory limit in bytes: the smallest of the group and its parents. Absent when unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
}

/// Machine on which a program ran, and the limits of its process. Values that could not be read
/// are absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// Operating system with its version, as one text; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Release of the kernel, such as `6.8.0-45-generic`; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Instruction set, such as `x86_64`.
    pub architecture: String,
    /// Model of the first CPU, as the system names it; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// Number of logical processors of the machine; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u64>,
    /// Number of logical processors that this process may use, given its affinity and CPU quota;
    /// absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores_available: Option<u64>,
    /// Memory of the machine in bytes; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Kind of container in which the program ran, such as `docker` or `kubepods`; absent outside
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Limits of the process's control group; absent where the system has no control groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<Cgroup>,
    /// Soft limit on the number of open files of this process; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nofile_soft: Option<u64>,
    /// Hard limit on the number of open files of this process, up to which it may raise the soft
    /// one; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nofile_hard: Option<u64>,
    /// Clock source of the kernel, such as `tsc`, whose reading is cheap; others may cost a system
    /// call. Absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_source: Option<String>,
    /// Versions of servers and other programs that took part in the run, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the data of this machine and process; `versions` stays empty.
    pub fn capture() -> Self {
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted).ok();
        let cpus = system.as_ref().map(System::cpus);
        let nofile = getrlimit(Resource::RLIMIT_NOFILE).ok();
        Self {
            os: System::long_os_version().ok(),
            kernel: System::kernel_version().ok(),
            architecture: std::env::consts::ARCH.to_owned(),
            cpu_model: cpus
                .and_then(|c| c.first())
                .map(|cpu| cpu.brand().trim().to_owned()),
            cores: cpus.map(|c| c.len() as u64).filter(|n| *n > 0),
            cores_available: std::thread::available_parallelism()
                .ok()
                .map(|n| n.get() as u64),
            memory_bytes: system.as_ref().map(System::total_memory).filter(|n| *n > 0),
            container: container(Path::new("/")),
            cgroup: cgroup(Path::new("/")),
            nofile_soft: nofile.map(|(soft, _)| soft),
            nofile_hard: nofile.map(|(_, hard)| hard),
            clock_source: read(
                Path::new("/"),
                "sys/devices/system/clocksource/clocksource0/current_clocksource",
            ),
            versions: BTreeMap::new(),
        }
    }
}

fn read(root: &Path, path: &str) -> Option<String> {
    std::fs::read_to_string(root.join(path))
        .ok()
        .map(|text| text.trim().to_owned())
}

fn container(root: &Path) -> Option<String> {
    if root.join(".dockerenv").exists() {
        return Some("docker".to_owned());
    }
    if root.join("run/.containerenv").exists() {
        return Some("podman".to_owned());
    }
    let groups = read(root, "proc/1/cgroup")?;
    ["kubepods", "docker", "lxc", "containerd"]
        .into_iter()
        .find(|kind| groups.contains(kind))
        .map(str::to_owned)
}

/// Reads the limits of this process's control group. In version 2 each is the lowest from the
/// group's own directory up to the root of the hierarchy, because the limit of a parent applies to
/// its children; in version 1 it is the group's own. `None` if there is no control group.
fn cgroup(root: &Path) -> Option<Cgroup> {
    let membership = read(root, "proc/self/cgroup")?;
    if root.join("sys/fs/cgroup/cgroup.controllers").exists() {
        let own = membership
            .lines()
            .find_map(|line| line.strip_prefix("0::"))?;
        return Some(tightest_v2(root, own));
    }
    let cpu = own_group(&membership, "cpu").map(|own| format!("sys/fs/cgroup/cpu{own}"));
    let memory = own_group(&membership, "memory").map(|own| format!("sys/fs/cgroup/memory{own}"));
    if cpu.is_none() && memory.is_none() {
        return None;
    }
    let number = |dir: &Option<String>, file: &str| -> Option<i64> {
        read(root, &format!("{}/{file}", dir.as_ref()?))?
            .parse()
            .ok()
    };
    let quota = number(&cpu, "cpu.cfs_quota_us").filter(|q| *q > 0);
    let period = number(&cpu, "cpu.cfs_period_us").filter(|p| *p > 0);
    // In version 1, an unlimited group has the highest page-aligned number as its limit.
    let limit = number(&memory, "memory.limit_in_bytes").filter(|l| *l > 0 && *l < i64::MAX / 2);
    Some(Cgroup {
        version: 1,
        cpu_quota_cores: quota.zip(period).map(|(q, p)| q as f64 / p as f64),
        memory_limit_bytes: limit.map(|l| l as u64),
    })
}

fn own_group(membership: &str, controller: &str) -> Option<String> {
    membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?;
        let path = fields.next()?;
        controllers
            .split(',')
            .any(|c| c == controller)
            .then(|| path.trim_end_matches('/').to_owned())
    })
}

fn tightest_v2(root: &Path, own: &str) -> Cgroup {
    let base = root.join("sys/fs/cgroup");
    let mut group = Cgroup {
        version: 2,
        ..Cgroup::default()
    };
    let mut directory = base.join(own.trim_start_matches('/'));
    loop {
        let quota = read(&directory, "cpu.max").and_then(|text| quota_cores(&text));
        let limit = read(&directory, "memory.max").and_then(|text| text.parse().ok());
        group.cpu_quota_cores = least(group.cpu_quota_cores, quota, f64::min);
        group.memory_limit_bytes = least(group.memory_limit_bytes, limit, u64::min);
        if directory == base || !directory.pop() || !directory.starts_with(&base) {
            return group;
        }
    }
}

fn quota_cores(cpu_max: &str) -> Option<f64> {
    let (quota, period) = cpu_max.split_once(' ')?;
    let period: f64 = period.parse().ok().filter(|p| *p > 0.0)?;
    Some(quota.parse::<f64>().ok()? / period)
}

fn least<T>(a: Option<T>, b: Option<T>, min: fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(min(a, b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn this_machine_has_a_cpu_and_limits() {
        let here = Environment::capture();
        assert!(here.cores.unwrap() >= here.cores_available.unwrap());
        assert!(here.nofile_soft.unwrap() <= here.nofile_hard.unwrap());
    }

    #[test]
    fn a_parents_limit_binds_in_cgroup_v2() {
        let root = tree(&[
            ("sys/fs/cgroup/cgroup.controllers", "cpu memory"),
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/a/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.max", "1073741824\n"),
        ]);
        let group = cgroup(root.path()).unwrap();
        assert_eq!(group.version, 2);
        assert_eq!(group.cpu_quota_cores, Some(1.5));
        assert_eq!(group.memory_limit_bytes, Some(1 << 30));
    }

    #[test]
    fn an_unlimited_cgroup_v1_has_no_limit_rather_than_a_huge_one() {
        let root = tree(&[
            ("proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/\n"),
            ("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1"),
            ("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712",
            ),
        ]);
        assert_eq!(
            cgroup(root.path()),
            Some(Cgroup {
                version: 1,
                ..Cgroup::default()
            })
        );
    }

    #[test]
    fn no_cgroup_is_absent() {
        assert_eq!(cgroup(tree(&[]).path()), None);
        let root = tree(&[("proc/1/cgroup", "0::/kubepods/pod1")]);
        assert_eq!(container(root.path()).as_deref(), Some("kubepods"));
    }
}
