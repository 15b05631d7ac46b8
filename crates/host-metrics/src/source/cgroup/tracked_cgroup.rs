//! A group that is looked for until it is there, and again once it is gone.

use std::path::PathBuf;

use super::directories::{CgroupDirectories, CgroupIdentity};
use super::{CgroupFiles, CgroupSample};
use crate::source::{Gaps, Roots, SourceError};

/// Whose group it is.
#[derive(Debug)]
enum CgroupOwner {
    /// That of this program, which may be moved; the file tells where it is.
    Own { membership: PathBuf, last: String },
    /// The one of this name.
    Named,
}

/// One group of a recording, there or not.
#[derive(Debug)]
pub(super) struct TrackedCgroup {
    whose: CgroupOwner,
    /// `own`, or the name that was asked for.
    name: String,
    group: Option<(CgroupFiles, CgroupDirectories, CgroupIdentity)>,
}

impl TrackedCgroup {
    pub(super) fn own(roots: &Roots) -> Self {
        let whose = CgroupOwner::Own {
            membership: roots.proc.join("self/cgroup"),
            last: String::new(),
        };
        Self {
            whose,
            name: "own".to_owned(),
            group: None,
        }
    }

    pub(super) fn named(name: &str) -> Self {
        Self {
            whose: CgroupOwner::Named,
            name: name.to_owned(),
            group: None,
        }
    }

    /// The group of this process, under its name in the hierarchy; `None` where it is in none but the
    /// machine itself, or is gone.
    pub(super) fn of_process(roots: &Roots, pid: u32, slow_stands_ns: u64) -> Option<Self> {
        let path = roots.proc.join(format!("{pid}/cgroup"));
        let membership = std::fs::read_to_string(path).ok()?;
        let place = CgroupDirectories::of_member(roots, &membership)?;
        let name = name_of(&membership)?.to_owned();
        let identity = place.identity()?;
        let group = CgroupFiles::open(&name, &place, slow_stands_ns);
        Some(Self {
            whose: CgroupOwner::Named,
            name,
            group: Some((group, place, identity)),
        })
    }

    /// True if it is the same group as the other, whatever it is called.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let identity = |slot: &Self| slot.group.as_ref().map(|(.., identity)| *identity);
        self.name == other.name || (self.group.is_some() && identity(self) == identity(other))
    }

    /// Looks whether the group is there and still the same. One that was asked for and is not there
    /// is noted in `gaps`, and taken back once it is; to be in no group ourselves is no gap.
    pub(super) fn look(&mut self, roots: &Roots, slow_stands_ns: u64, gaps: &mut Gaps) {
        let moved = self.is_moved();
        let stands = |(_, place, identity): &(CgroupFiles, CgroupDirectories, CgroupIdentity)| {
            // In version 1 it may be under one controller already and under others later.
            let whole = place.is_whole() || matches!(self.whose, CgroupOwner::Own { .. });
            whole && place.identity().as_ref() == Some(identity)
        };
        if !moved && self.group.as_ref().is_some_and(stands) {
            return;
        }
        let place = self.find(roots, gaps);
        let found = place.and_then(|place| Some((place.identity()?, place)));
        let known = self.group.as_ref().map(|(.., identity)| identity);
        if known.is_some() && known == found.as_ref().map(|(identity, _)| identity) {
            return;
        }
        self.group = found.map(|(identity, place)| {
            let group = CgroupFiles::open(&self.name, &place, slow_stands_ns);
            (group, place, identity)
        });
    }

    /// Reads it. What fails because the group is gone is no gap.
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

    /// True if this program is in another group than before.
    fn is_moved(&mut self) -> bool {
        let CgroupOwner::Own { membership, last } = &mut self.whose else {
            return false;
        };
        let now = std::fs::read_to_string(membership).unwrap_or_default();
        let moved = now != *last;
        *last = now;
        moved
    }

    fn find(&self, roots: &Roots, gaps: &mut Gaps) -> Option<CgroupDirectories> {
        let what = format!("cgroup {}", self.name);
        let found: Result<CgroupDirectories, SourceError> = match &self.whose {
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

/// The name of a process' group, by its membership. In version 1 it may have several, of which the
/// longest says most.
fn name_of(membership: &str) -> Option<&str> {
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
