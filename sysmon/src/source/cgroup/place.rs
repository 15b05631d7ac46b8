//! Where a group's files are.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::source::{Roots, SourceError};

/// Of the kernel's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The inodes of a group's directories.
pub(super) type Identity = [u64; 4];

/// The directories of one group, all the same in version 2; absent where it is not under that
/// controller.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) version: Version,
    pub(super) cpu: Option<PathBuf>,
    pub(super) cpu_account: Option<PathBuf>,
    pub(super) memory: Option<PathBuf>,
    pub(super) io: Option<PathBuf>,
    mount: PathBuf,
}

impl Place {
    /// The group of a process with this membership, which is what its file `cgroup` says; `None`
    /// where that is the machine itself.
    pub(super) fn of_member(roots: &Roots, membership: &str) -> Option<Self> {
        let mount = mount(roots);
        if version(&mount)? == Version::Two {
            let group = membership
                .lines()
                .find_map(|line| line.strip_prefix("0::"))?;
            let directory = inside(&mount, group)?;
            // The root of the whole machine has no limits to set, and no file of its kind.
            let is_group = |file| directory.join(file).exists();
            let is_group = is_group("memory.current") || is_group("cgroup.type");
            return is_group.then(|| Self::two(directory, mount));
        }
        let under = |controller: &str| {
            let group = group_under(membership, controller)?;
            (group != "/").then(|| inside(&mount.join(controller), group))?
        };
        let place = Self::one(&mount, under);
        let any = place.cpu.is_some() || place.memory.is_some() || place.io.is_some();
        (any || place.cpu_account.is_some()).then_some(place)
    }

    /// Whether groups can be read here at all.
    pub(super) fn is_mounted(roots: &Roots) -> bool {
        version(&mount(roots)).is_some()
    }

    /// The group of this name, as in `system.slice/postgresql.service`.
    ///
    /// # Errors
    /// When there is none, or the name leads out of the hierarchy.
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
        let existing = |base: &Path| {
            let directory = base.join(name.trim_start_matches('/'));
            directory.is_dir().then_some(directory)
        };
        match version(&mount) {
            Some(Version::Two) => {
                let directory = existing(&mount).ok_or_else(missing)?;
                Ok(Self::two(directory, mount))
            }
            Some(Version::One) => {
                let place = Self::one(&mount, |controller| existing(&mount.join(controller)));
                let any = [&place.cpu, &place.cpu_account, &place.memory, &place.io];
                let any = any.into_iter().any(Option::is_some);
                any.then_some(place).ok_or_else(missing)
            }
            None => Err(missing()),
        }
    }

    /// Whether it is under all controllers that are read.
    pub(super) fn is_whole(&self) -> bool {
        let all = [&self.cpu, &self.cpu_account, &self.memory, &self.io];
        all.into_iter().all(Option::is_some)
    }

    /// Numbers that no other group has, of the same name neither; `None` once it is gone.
    pub(super) fn identity(&self) -> Option<Identity> {
        let all = [&self.cpu, &self.cpu_account, &self.memory, &self.io];
        let mut numbers = [0; 4];
        let mut last: Option<(&PathBuf, u64)> = None;
        for (number, directory) in numbers.iter_mut().zip(all) {
            let Some(directory) = directory else { continue };
            *number = match last {
                Some((known, number)) if known == directory => number,
                _ => std::fs::metadata(directory).ok()?.ino(),
            };
            last = Some((directory, *number));
        }
        Some(numbers)
    }

    fn two(directory: PathBuf, mount: PathBuf) -> Self {
        Self {
            version: Version::Two,
            cpu: Some(directory.clone()),
            cpu_account: Some(directory.clone()),
            memory: Some(directory.clone()),
            io: Some(directory),
            mount,
        }
    }

    fn one(mount: &Path, under: impl Fn(&str) -> Option<PathBuf>) -> Self {
        Self {
            version: Version::One,
            cpu: under("cpu"),
            cpu_account: under("cpuacct"),
            memory: under("memory"),
            io: under("blkio"),
            mount: mount.to_owned(),
        }
    }

    /// `directory` and its parents, up to the mount.
    pub(super) fn up<'a>(
        &'a self,
        directory: Option<&'a Path>,
    ) -> impl Iterator<Item = &'a Path> + use<'a> {
        std::iter::successors(directory, |directory| directory.parent())
            .take_while(|directory| directory.starts_with(&self.mount))
    }
}

fn mount(roots: &Roots) -> PathBuf {
    roots.sys.join("fs/cgroup")
}

fn version(mount: &Path) -> Option<Version> {
    if mount.join("cgroup.controllers").exists() {
        return Some(Version::Two);
    }
    let controllers = ["cpu", "cpuacct", "memory", "blkio"];
    let any = controllers.iter().any(|name| mount.join(name).is_dir());
    any.then_some(Version::One)
}

/// A container sees its own group at the mount, and often its path on the host in its
/// membership: where that is not there, the mount is the group.
fn inside(mount: &Path, group: &str) -> Option<PathBuf> {
    let directory = mount.join(group.trim_start_matches('/'));
    let found = if directory.is_dir() {
        directory
    } else {
        mount.to_owned()
    };
    found.is_dir().then_some(found)
}

/// `number:controller,controller:path`
fn group_under<'a>(membership: &'a str, controller: &str) -> Option<&'a str> {
    membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let mut controllers = fields.next()?.split(',');
        let path = fields.next()?;
        controllers.any(|name| name == controller).then_some(path)
    })
}
