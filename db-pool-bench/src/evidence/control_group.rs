//! Control group of the server's main process, and its throttling by a CPU quota.

use std::fs;
use std::path::{Path, PathBuf};

use bench_report::ServerEvidence;

/// Directories of a control group: its own and those above it, nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ControlGroup {
    directories: Vec<PathBuf>,
}

/// Throttling counters of the nearest group with a quota; zero where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct ServerThrottling {
    periods: f64,
    throttled: f64,
    throttled_ns: f64,
    quota_cores: Option<f64>,
}

impl ControlGroup {
    /// Finds the group of a process under the CPU controller.
    pub(super) fn of(pid: u32) -> Result<Self, String> {
        let read = |path: String| {
            fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))
        };
        let membership = read(format!("/proc/{pid}/cgroup"))?;
        let mounts = read("/proc/self/mountinfo".to_owned())?;
        Self::found(&membership, &mounts)
            .ok_or_else(|| "its control group is not in sight".to_owned())
    }

    fn found(membership: &str, mounts: &str) -> Option<Self> {
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
        // A group outside of this mount has a path that leads up.
        let below = Path::new(group).strip_prefix(root).ok()?;
        let leads_up = below
            .components()
            .any(|c| c == std::path::Component::ParentDir);
        let own = Path::new(mount).join(below);
        let all = own.ancestors().take_while(|above| above.starts_with(mount));
        (!leads_up).then(|| Self {
            directories: all.map(Path::to_path_buf).collect(),
        })
    }

    /// Reads the counters.
    pub(super) fn throttling(&self) -> Result<ServerThrottling, String> {
        let own = self.directories.first().filter(|own| own.is_dir());
        own.ok_or("its control group is not in sight")?;
        let of = self
            .directories
            .iter()
            .find_map(|d| ServerThrottling::read(d));
        Ok(of.unwrap_or_default())
    }
}

impl ServerThrottling {
    /// `None` where the group has no quota.
    fn read(directory: &Path) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(directory.join(name)).ok();
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let (quota, period) = match read("cpu.max") {
            Some(max) => {
                let (quota, period) = max.trim().split_once(' ')?;
                (number(quota)?, number(period)?)
            }
            None => (
                number(&read("cpu.cfs_quota_us")?)?,
                number(&read("cpu.cfs_period_us")?)?,
            ),
        };
        let stat = read("cpu.stat")?;
        let field = |name: &str| {
            let mut lines = stat.lines().filter_map(|line| line.split_once(' '));
            lines
                .find(|(of, _)| *of == name)
                .and_then(|(_, value)| number(value))
        };
        let throttled_ns = field("throttled_time").or(field("throttled_usec").map(|us| us * 1e3));
        (quota > 0.0).then_some(Self {
            periods: field("nr_periods")?,
            throttled: field("nr_throttled")?,
            throttled_ns: throttled_ns?,
            quota_cores: Some(quota / period),
        })
    }

    /// Writes what was counted since `before` into `evidence`.
    pub(super) fn report_since(&self, before: &Self, evidence: &mut ServerEvidence) {
        let mut grown = |name: &str, now: f64, then: f64| {
            evidence.figure(format!("server.cgroup.{name}"), (now - then).max(0.0));
        };
        grown("periods", self.periods, before.periods);
        grown("throttled_periods", self.throttled, before.throttled);
        grown("throttled_ns", self.throttled_ns, before.throttled_ns);
        if let Some(cores) = self.quota_cores {
            evidence.figure("server.cgroup.quota_cores", cores);
        }
    }
}

/// The path under the `cpu` controller, as in `4:cpu,cpuacct:/docker/1f`.
fn group_of_version_1(membership: &str) -> Option<&str> {
    membership.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        controllers.split(',').any(|c| c == "cpu").then_some(group)
    })
}

/// Root within the hierarchy and place of the mount, if this line of mountinfo is the one
/// (`proc_pid_mountinfo(5)`).
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
        let group = ControlGroup::found(membership, mounts);
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
        write(
            &own,
            "cpu.stat",
            "usage_usec 9\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
        );
        let group = ControlGroup {
            directories: vec![own, above.clone()],
        };
        assert_eq!(group.throttling().unwrap(), ServerThrottling::default());

        write(&above, "cpu.max", "50000 100000\n");
        write(
            &above,
            "cpu.stat",
            "nr_periods 150\nnr_throttled 148\nthrottled_usec 7\n",
        );
        let after = group.throttling().unwrap();
        let mut evidence = ServerEvidence::default();
        after.report_since(&ServerThrottling::default(), &mut evidence);
        assert_eq!(evidence.figures["server.cgroup.throttled_periods"], 148.0);
        assert_eq!(evidence.figures["server.cgroup.periods"], 150.0);
        assert_eq!(evidence.figures["server.cgroup.throttled_ns"], 7_000.0);
        assert_eq!(evidence.figures["server.cgroup.quota_cores"], 0.5);

        let version_1 = place.path().join("own");
        std::fs::remove_file(version_1.join("cpu.max")).unwrap();
        write(&version_1, "cpu.cfs_quota_us", "150000\n");
        write(&version_1, "cpu.cfs_period_us", "100000\n");
        write(
            &version_1,
            "cpu.stat",
            "nr_periods 10\nnr_throttled 5\nthrottled_time 11\n",
        );
        let nearest = group.throttling().unwrap();
        assert_eq!(
            (nearest.quota_cores, nearest.throttled_ns),
            (Some(1.5), 11.0)
        );
    }
}
