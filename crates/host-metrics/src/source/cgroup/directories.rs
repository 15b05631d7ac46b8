//! Directories of a Linux control group.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::source::{Roots, SourceError};

/// Version of the control groups' interface, which determines the names and formats of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CgroupVersion {
    One,
    Two,
}

/// Inode numbers of a group's directories for CPU quota, CPU time, memory and disks, in this
/// order; 0 for one that is absent.
pub(super) type CgroupIdentity = [u64; 4];

/// Directory of a control group in one hierarchy.
#[derive(Debug, Clone)]
pub(super) struct CgroupDirectory {
    pub(super) path: PathBuf,
    pub(super) version: CgroupVersion,
}

/// Error: the hierarchy of a group is not mounted below `/sys/fs/cgroup`.
#[derive(Clone, Copy)]
struct NotMounted;

/// Directories of one control group by controller; `None` if the controller does not have the
/// group. In version 2 all are the same. A host may use both versions, with each controller in one
/// of them.
#[derive(Debug, Clone)]
pub(super) struct CgroupDirectories {
    pub(super) cpu: Option<CgroupDirectory>,
    pub(super) cpu_account: Option<CgroupDirectory>,
    pub(super) memory: Option<CgroupDirectory>,
    pub(super) io: Option<CgroupDirectory>,
    /// Directory of the number of processes, which not every group has; it is no part of the
    /// group's identity.
    pub(super) pids: Option<CgroupDirectory>,
    /// Names in version 1 of the controllers whose hierarchy is not mounted below
    /// `/sys/fs/cgroup`.
    pub(super) unmounted: Vec<&'static str>,
    mount: PathBuf,
}

impl CgroupDirectories {
    /// Finds the control group of a process from `membership`, the content of its file
    /// `/proc/PID/cgroup`. `None` if that is the root group, or if no hierarchy is mounted.
    pub(super) fn of_member(roots: &Roots, membership: &str) -> Option<Self> {
        if !Self::is_mounted(roots) {
            return None;
        }
        let mount = mount(roots);
        let two = member_of_two(&mount, membership);
        let mut unmounted = Vec::new();
        let place = Self::of(&mount, |controller| {
            let found = match group_under(membership, controller) {
                Some(group) => member_of_one(&mount.join(controller), group),
                None => two.clone(),
            };
            found.unwrap_or_else(|NotMounted| {
                // Its absence is no loss: few groups limit their number of processes.
                if controller != "pids" {
                    unmounted.push(controller);
                }
                None
            })
        });
        let place = Self { unmounted, ..place };
        (place.is_any() || !place.unmounted.is_empty()).then_some(place)
    }

    /// Returns true if any hierarchy of control groups is mounted below `/sys/fs/cgroup`.
    pub(super) fn is_mounted(roots: &Roots) -> bool {
        let mount = mount(roots);
        let mut one = ["cpu", "cpuacct", "memory", "blkio"].into_iter();
        unified(&mount).is_some() || one.any(|controller| mount.join(controller).is_dir())
    }

    /// Finds the control group with this name, such as `system.slice/postgresql.service`.
    ///
    /// # Errors
    /// Fails if there is no such group, or if the name leads out of the hierarchy.
    pub(super) fn named(roots: &Roots, name: &str) -> Result<Self, SourceError> {
        let mount = mount(roots);
        let missing = || SourceError::Malformed {
            path: mount.clone(),
            wanted: "group of the name that was given",
        };
        let leads_out = Path::new(name)
            .components()
            .any(|part| matches!(part, std::path::Component::ParentDir));
        if leads_out {
            return Err(missing());
        }
        let two = unified(&mount);
        let is_all_two = two.as_ref() == Some(&mount);
        let place = Self::of(&mount, |controller| {
            let one = mount.join(controller);
            let (version, base) = if is_all_two || !one.is_dir() {
                (CgroupVersion::Two, two.as_ref()?)
            } else {
                (CgroupVersion::One, &one)
            };
            let path = base.join(name.trim_start_matches('/'));
            path.is_dir().then_some(CgroupDirectory { path, version })
        });
        place.is_any().then_some(place).ok_or_else(missing)
    }

    /// Returns true if each of the four controllers that are read has the group.
    pub(super) fn is_whole(&self) -> bool {
        self.all().into_iter().all(Option::is_some)
    }

    fn is_any(&self) -> bool {
        self.all().into_iter().any(Option::is_some)
    }

    fn all(&self) -> [&Option<CgroupDirectory>; 4] {
        [&self.cpu, &self.cpu_account, &self.memory, &self.io]
    }

    /// Returns the inode numbers of the group's directories, which identify the group even if
    /// another one gets its name. `None` if one of the directories was removed.
    pub(super) fn identity(&self) -> Option<CgroupIdentity> {
        let mut numbers = [0; 4];
        let mut last: Option<(&PathBuf, u64)> = None;
        for (number, directory) in numbers.iter_mut().zip(self.all()) {
            let Some(CgroupDirectory { path, .. }) = directory else {
                continue;
            };
            *number = match last {
                Some((known, number)) if known == path => number,
                _ => std::fs::metadata(path).ok()?.ino(),
            };
            last = Some((path, *number));
        }
        Some(numbers)
    }

    fn of(mount: &Path, mut under: impl FnMut(&'static str) -> Option<CgroupDirectory>) -> Self {
        Self {
            cpu: under("cpu"),
            cpu_account: under("cpuacct"),
            memory: under("memory"),
            io: under("blkio"),
            pids: under("pids"),
            unmounted: Vec::new(),
            mount: mount.to_owned(),
        }
    }

    /// Iterates over the paths of `directory` and its parents, from the group up to the mount
    /// point.
    pub(super) fn up<'a>(
        &'a self,
        directory: &'a CgroupDirectory,
    ) -> impl Iterator<Item = &'a Path> + use<'a> {
        std::iter::successors(Some(&*directory.path), |path| path.parent())
            .take_while(|path| path.starts_with(&self.mount))
    }
}

pub(super) fn mount(roots: &Roots) -> PathBuf {
    roots.sys.join("fs/cgroup")
}

/// Returns the root directory of the version 2 hierarchy: the mount point itself, or `unified`
/// beside the controllers of version 1. `None` if version 2 is not mounted.
pub(super) fn unified(mount: &Path) -> Option<PathBuf> {
    let places = [mount.to_owned(), mount.join("unified")];
    places.into_iter().find(|place| is_of_two(place))
}

fn is_of_two(directory: &Path) -> bool {
    directory.join("cgroup.controllers").exists()
}

/// Returns the directory of `group` below the directory of a version 1 controller; `None` for the
/// root group. Fails if the controller is not mounted.
fn member_of_one(controller: &Path, group: &str) -> Result<Option<CgroupDirectory>, NotMounted> {
    if group == "/" {
        return Ok(None);
    }
    let found = inside(controller, group).filter(|found| !is_of_two(found));
    let path = found.ok_or(NotMounted)?;
    let version = CgroupVersion::One;
    Ok(Some(CgroupDirectory { path, version }))
}

/// Returns the version 2 directory of the process whose file `/proc/PID/cgroup` has the content
/// `membership`. `None` if it has no group in version 2, or for the root group of the host, which
/// has no limits and no files for them. Fails if version 2 is not mounted.
fn member_of_two(mount: &Path, membership: &str) -> Result<Option<CgroupDirectory>, NotMounted> {
    let mut lines = membership.lines();
    let Some(group) = lines.find_map(|line| line.strip_prefix("0::")) else {
        return Ok(None);
    };
    let Some(path) = unified(mount).and_then(|root| inside(&root, group)) else {
        return if group == "/" {
            Ok(None)
        } else {
            Err(NotMounted)
        };
    };
    let has = |file| path.join(file).exists();
    let is_group = has("memory.current") || has("cgroup.type");
    let version = CgroupVersion::Two;
    Ok(is_group.then_some(CgroupDirectory { path, version }))
}

/// Returns the directory of a group below a mount point; `None` if the mount point does not exist.
/// In a container, the mount point is the container's own group, but the membership often has the
/// group's path on the host. If that path does not exist, the mount point is the group.
fn inside(mount: &Path, group: &str) -> Option<PathBuf> {
    let directory = mount.join(group.trim_start_matches('/'));
    let found = if directory.is_dir() {
        directory
    } else {
        mount.to_owned()
    };
    found.is_dir().then_some(found)
}

/// Returns a group's path under a version 1 controller, from the lines
/// `number:controller,controller:path` of `/proc/PID/cgroup`; `None` if no line names the
/// controller.
pub(super) fn group_under<'a>(membership: &'a str, controller: &str) -> Option<&'a str> {
    membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let mut controllers = fields.next()?.split(',');
        let path = fields.next()?;
        controllers.any(|name| name == controller).then_some(path)
    })
}
