//! Control group that is searched for until it exists, and again after it was removed.

use std::path::PathBuf;

use super::directories::{CgroupDirectories, CgroupIdentity};
use super::files::CgroupFiles;
use super::sample::CgroupSample;
use crate::source::{Gaps, Roots, SourceError};

/// Way in which a control group is found.
#[derive(Debug)]
enum CgroupOwner {
    /// Group of this program, found through its membership file `/proc/self/cgroup`. `last` is the
    /// content at the last search: the program may be moved to another group.
    Own { membership: PathBuf, last: String },
    /// Group with a given name in the hierarchy.
    Named,
}

/// Control group of a recording, with its open files while it exists.
#[derive(Debug)]
pub(super) struct TrackedCgroup {
    owner: CgroupOwner,
    /// Name of the group; `own` for the group of this program.
    name: String,
    group: Option<(CgroupFiles, CgroupDirectories, CgroupIdentity)>,
}

impl TrackedCgroup {
    pub(super) fn own(roots: &Roots) -> Self {
        let owner = CgroupOwner::Own {
            membership: roots.proc.join("self/cgroup"),
            last: String::new(),
        };
        Self {
            owner,
            name: "own".to_owned(),
            group: None,
        }
    }

    pub(super) fn named(name: &str) -> Self {
        Self {
            owner: CgroupOwner::Named,
            name: name.to_owned(),
            group: None,
        }
    }

    /// Finds the control group of process `pid`, named as in the hierarchy. `None` if it is the
    /// root group, or if the process has ended.
    pub(super) fn of_process(roots: &Roots, pid: u32, slow_max_age_ns: u64) -> Option<Self> {
        let path = roots.proc.join(format!("{pid}/cgroup"));
        let membership = std::fs::read_to_string(path).ok()?;
        let place = CgroupDirectories::of_member(roots, &membership)?;
        let name = name_of(&membership)?.to_owned();
        let identity = place.identity()?;
        let group = CgroupFiles::open(&name, &place, slow_max_age_ns);
        Some(Self {
            owner: CgroupOwner::Named,
            name,
            group: Some((group, place, identity)),
        })
    }

    /// Returns the name of the group; `own` for the group of this program.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns true if both have the same name or are the same group, known by its inode numbers,
    /// under different names.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let identity = |slot: &Self| slot.group.as_ref().map(|(.., identity)| *identity);
        self.name == other.name || (self.group.is_some() && identity(self) == identity(other))
    }

    /// Searches for the group again if it was removed, replaced or created, or if this program was
    /// moved. A named group is recorded in `gaps` while it does not exist. It is no gap if this
    /// program is in no group.
    pub(super) fn refresh(&mut self, roots: &Roots, slow_max_age_ns: u64, gaps: &mut Gaps) {
        let moved = self.is_moved();
        let is_current =
            |(_, place, identity): &(CgroupFiles, CgroupDirectories, CgroupIdentity)| {
                // In version 1 a group may appear under one controller first and under others
                // later.
                let whole = place.is_whole() || matches!(self.owner, CgroupOwner::Own { .. });
                whole && place.identity().as_ref() == Some(identity)
            };
        if !moved && self.group.as_ref().is_some_and(is_current) {
            return;
        }
        let place = self.find(roots, gaps);
        let found = place.and_then(|place| Some((place.identity()?, place)));
        let known = self.group.as_ref().map(|(.., identity)| identity);
        if known.is_some() && known == found.as_ref().map(|(identity, _)| identity) {
            return;
        }
        self.group = found.map(|(identity, place)| {
            let group = CgroupFiles::open(&self.name, &place, slow_max_age_ns);
            (group, place, identity)
        });
    }

    /// Reads the group; `None` if it does not exist. It is no gap if reading fails because the
    /// group was removed.
    pub(super) fn sample(&mut self, gaps: &mut Gaps) -> Option<CgroupSample> {
        let (group, place, identity) = self.group.as_mut()?;
        let mut found = Gaps::default();
        let mut sample = group.sample(&mut found);
        if !found.is_empty() && place.identity().as_ref() != Some(identity) {
            self.group = None;
            return None;
        }
        gaps.join(found);
        sample.identity = *identity;
        Some(sample)
    }

    /// Returns true if this program was moved to another group since the last call; false for a
    /// named group.
    fn is_moved(&mut self) -> bool {
        let CgroupOwner::Own { membership, last } = &mut self.owner else {
            return false;
        };
        let now = std::fs::read_to_string(membership).unwrap_or_default();
        let moved = now != *last;
        *last = now;
        moved
    }

    fn find(&self, roots: &Roots, gaps: &mut Gaps) -> Option<CgroupDirectories> {
        let what = format!("cgroup {}", self.name);
        let found: Result<CgroupDirectories, SourceError> = match &self.owner {
            CgroupOwner::Own { last, .. } => {
                if let Some(group) = name_of(last).filter(|_| !CgroupDirectories::is_mounted(roots))
                {
                    let why = "no control groups are mounted at /sys/fs/cgroup, and sysmon is in ";
                    gaps.note(what, &format!("{why}{group}"));
                }
                return CgroupDirectories::of_member(roots, last);
            }
            CgroupOwner::Named => CgroupDirectories::named(roots, &self.name),
        };
        match found {
            Ok(place) => {
                gaps.forget(&what);
                Some(place)
            }
            Err(error) => {
                gaps.note(what, &error);
                None
            }
        }
    }
}

/// Returns the name of a process's control group from the content of its file `/proc/PID/cgroup`;
/// `None` for the root group. In version 1 there may be several names; the longest is the most
/// specific.
pub(in crate::source) fn name_of(membership: &str) -> Option<&str> {
    let paths = membership.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let mut controllers = controllers.split(',');
        let is_read =
            controllers.any(|one| matches!(one, "" | "cpu" | "cpuacct" | "memory" | "blkio"));
        is_read.then(|| path.trim_start_matches('/'))
    });
    paths
        .max_by_key(|name| name.len())
        .filter(|name| !name.is_empty())
}
