//! CPU quota that applies to one process, read when it is needed.

use std::path::{Component, Path, PathBuf};

use super::parse;
use super::sample::Throttling;
use crate::source::SourceError;

/// Control group of a process in the hierarchy of the CPU controller: its directory and those of
/// its parents, the nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct QuotaGroup {
    directories: Vec<PathBuf>,
}

/// CPU quota of a control group, with counters of how often it throttled the group's processes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaUse {
    /// Number of cores that the group's processes may use on average: quota ÷ period.
    pub cores: f64,
    /// Throttling counters of the group that has the quota, since the group was created.
    pub throttling: Throttling,
}

/// Reads the CPU quota of process `pid`: that of its control group or, if that has none, of the
/// nearest parent with one. `None` if there is no quota.
///
/// # Errors
///
/// Fails if the process has ended or its group is not in the hierarchy that is mounted here.
pub fn quota_use(pid: u32) -> Result<Option<QuotaUse>, SourceError> {
    QuotaGroup::of_process(pid)?.read()
}

impl QuotaGroup {
    /// Finds the control group of process `pid` in the hierarchy that is mounted here.
    ///
    /// # Errors
    ///
    /// Fails if the process has ended or its group is not in that hierarchy.
    fn of_process(pid: u32) -> Result<Self, SourceError> {
        let read = |path: String| {
            let text = std::fs::read_to_string(&path);
            text.map_err(|source| SourceError::Read {
                path: path.into(),
                source,
            })
        };
        let membership = read(format!("/proc/{pid}/cgroup"))?;
        let mounts = read("/proc/self/mountinfo".to_owned())?;
        Self::find(&membership, &mounts).ok_or(SourceError::OutOfSight)
    }

    fn find(membership: &str, mounts: &str) -> Option<Self> {
        let (group, is_version_1) = match group_of_version_1(membership) {
            Some(group) => (group, true),
            None => (
                membership.lines().find_map(|l| l.strip_prefix("0::"))?,
                false,
            ),
        };
        let (root, mount) = mounts
            .lines()
            .find_map(|line| mount_of(line, is_version_1))?;
        // A group outside the mounted hierarchy has a path that begins with `..`.
        let below = Path::new(group).strip_prefix(root).ok()?;
        let leads_up = below.components().any(|part| part == Component::ParentDir);
        let own = Path::new(mount).join(below);
        let all = own.ancestors().take_while(|above| above.starts_with(mount));
        (!leads_up).then(|| Self {
            directories: all.map(Path::to_path_buf).collect(),
        })
    }

    /// Reads the CPU quota that is nearest to the process; `None` if neither the group nor a
    /// parent has one.
    ///
    /// # Errors
    ///
    /// Fails if the group was removed.
    fn read(&self) -> Result<Option<QuotaUse>, SourceError> {
        let own = self.directories.first().filter(|own| own.is_dir());
        own.ok_or(SourceError::OutOfSight)?;
        Ok(self.directories.iter().find_map(|path| read_quota(path)))
    }
}

/// Reads the CPU quota of one control group; `None` if it has none, or if its files cannot be
/// read.
fn read_quota(directory: &Path) -> Option<QuotaUse> {
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).ok();
    let cores = if let Some(max) = read("cpu.max") {
        parse::cpu_max(&max)?.at()?
    } else {
        let number = |name: &str| read(name).and_then(|text| parse::limit(&text))?.at();
        let quota = number("cpu.cfs_quota_us")?;
        let period = number("cpu.cfs_period_us").filter(|period| *period > 0)?;
        quota as f64 / period as f64
    };
    let throttling = parse::throttling(&read("cpu.stat")?)?;
    (cores > 0.0).then_some(QuotaUse { cores, throttling })
}

/// Returns the group's path under the `cpu` controller of version 1, from a line of
/// `/proc/PID/cgroup` such as `4:cpu,cpuacct:/docker/1f`; `None` without such a line.
fn group_of_version_1(membership: &str) -> Option<&str> {
    super::directories::group_under(membership, "cpu")
}

/// Parses a line of mountinfo (`proc_pid_mountinfo(5)`). Returns the root of the mount within the
/// hierarchy, and the mount point; `None` if the line describes another mount. `is_version_1`
/// selects the hierarchy of the `cpu` controller of version 1 instead of that of version 2.
fn mount_of(line: &str, is_version_1: bool) -> Option<(&str, &str)> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, mount) = (left.next()?, left.next()?);
    let mut right = right.split(' ');
    let (kind, options) = (right.next()?, right.nth(1)?);
    let is_cpu = kind == "cgroup" && options.split(',').any(|option| option == "cpu");
    let fits = if is_version_1 {
        is_cpu
    } else {
        kind == "cgroup2"
    };
    fits.then_some((root, mount))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS_1: &str = "30 25 0:26 /docker/1f /sys/fs/cgroup/cpu,cpuacct ro,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct";
    const MOUNTS_2: &str = "24 18 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";

    fn found(membership: &str, mounts: &str) -> Vec<String> {
        let group = QuotaGroup::find(membership, mounts);
        let directories = group.map_or_else(Vec::new, |group| group.directories);
        directories
            .iter()
            .map(|d| d.display().to_string())
            .collect()
    }

    #[test]
    fn a_group_is_found_in_both_versions_with_those_above_it() {
        assert_eq!(
            found("4:cpu,cpuacct:/docker/1f/db\n0::/\n", MOUNTS_1),
            [
                "/sys/fs/cgroup/cpu,cpuacct/db",
                "/sys/fs/cgroup/cpu,cpuacct"
            ]
        );
        assert_eq!(
            found("0::/system.slice/postgresql.service\n", MOUNTS_2),
            [
                "/sys/fs/cgroup/system.slice/postgresql.service",
                "/sys/fs/cgroup/system.slice",
                "/sys/fs/cgroup"
            ]
        );
        assert!(found("0::/../other\n", MOUNTS_2).is_empty());
        assert!(found("4:cpu:/elsewhere\n", MOUNTS_1).is_empty());
        assert!(found("", MOUNTS_2).is_empty());
    }

    #[test]
    fn the_nearest_quota_counts_and_none_at_all_holds_nothing_back() {
        let place = tempfile::tempdir().unwrap();
        let (above, own) = (place.path().to_owned(), place.path().join("own"));
        std::fs::create_dir(&own).unwrap();
        let write = |directory: &Path, name: &str, text: &str| {
            std::fs::write(directory.join(name), text).unwrap();
        };
        write(&own, "cpu.max", "max 100000\n");
        let stat = "usage_usec 9\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n";
        write(&own, "cpu.stat", stat);
        let group = QuotaGroup {
            directories: vec![own.clone(), above.clone()],
        };
        assert_eq!(group.read().unwrap(), None);

        write(&above, "cpu.max", "50000 100000\n");
        let stat = "nr_periods 150\nnr_throttled 148\nthrottled_usec 7\n";
        write(&above, "cpu.stat", stat);
        let nearest = group.read().unwrap().unwrap();
        assert_eq!(nearest.throttling.throttled_periods, 148);
        assert_eq!(nearest.throttling.periods, 150);
        assert_eq!(nearest.throttling.throttled_ns, 7_000);
        assert_eq!(nearest.cores, 0.5);

        std::fs::remove_file(own.join("cpu.max")).unwrap();
        write(&own, "cpu.cfs_quota_us", "150000\n");
        write(&own, "cpu.cfs_period_us", "100000\n");
        let stat = "nr_periods 10\nnr_throttled 5\nthrottled_time 11\n";
        write(&own, "cpu.stat", stat);
        let nearest = group.read().unwrap().unwrap();
        assert_eq!((nearest.cores, nearest.throttling.throttled_ns), (1.5, 11));

        std::fs::remove_dir_all(&own).unwrap();
        assert!(matches!(group.read(), Err(SourceError::OutOfSight)));
    }
}
