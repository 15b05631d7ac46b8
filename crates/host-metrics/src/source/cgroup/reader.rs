//! Reader of all control groups of one recording.

use std::collections::BTreeSet;

use super::pattern::GroupPattern;
use super::sample::CgroupSample;
use super::tracked_cgroup::TrackedCgroup;
use crate::clock::monotonic_ns;
use crate::source::{Gaps, Roots, SourceOptions};

/// Largest number of groups that patterns may find.
const MOST_MATCHES: usize = 64;
/// Number of refreshes after which groups are searched by pattern again: the search reads every
/// directory of the hierarchy.
const SEARCH_EVERY: u64 = 10;

/// Reader of the control groups of one recording: that of this program, those that the user named,
/// and those of followed processes.
#[derive(Debug)]
pub(in crate::source) struct CgroupReader {
    roots: Roots,
    slow_max_age_ns: u64,
    slots: Vec<TrackedCgroup>,
    /// Patterns by which the user named groups.
    patterns: Vec<GroupPattern>,
    /// Groups that the patterns found.
    matched: Vec<TrackedCgroup>,
    /// Number of refreshes so far.
    refreshes: u64,
    /// Groups of followed processes that are not among `slots`.
    followed: Vec<TrackedCgroup>,
    processes: Vec<u32>,
    found_ns: Option<u64>,
}

impl CgroupReader {
    /// Creates a reader of this program's group and of the groups named in `selection`, which need
    /// not exist yet. Followed processes are set later, by [`follow`](Self::follow).
    pub(in crate::source) fn new(roots: &Roots, selection: &SourceOptions) -> Self {
        let wanted: BTreeSet<&String> = selection.cgroups.iter().collect();
        let (paths, patterns): (Vec<&String>, Vec<&String>) = wanted
            .into_iter()
            .partition(|name| GroupPattern::of(name).is_none());
        let named = paths.into_iter().map(|name| TrackedCgroup::named(name));
        let patterns = patterns.into_iter();
        Self {
            roots: roots.clone(),
            slow_max_age_ns: selection.slow_max_age_ns,
            slots: std::iter::once(TrackedCgroup::own(roots))
                .chain(named)
                .collect(),
            patterns: patterns.filter_map(|name| GroupPattern::of(name)).collect(),
            matched: Vec::new(),
            refreshes: 0,
            followed: Vec::new(),
            processes: Vec::new(),
            found_ns: None,
        }
    }

    /// Sets the process ids whose groups are also read, in place of earlier ones. A process that
    /// moves to another group is found there at the next search.
    pub(in crate::source) fn follow(&mut self, processes: impl Iterator<Item = u32>) {
        self.processes.clear();
        self.processes.extend(processes);
    }

    /// Reads all groups that exist; searches for them again after the age that the options set. A
    /// named group is recorded in `gaps` while it does not exist. It is no gap if this program is
    /// in no group.
    pub(in crate::source) fn sample(&mut self, gaps: &mut Gaps) -> Vec<CgroupSample> {
        let now_ns = monotonic_ns();
        let stands = |found_ns: u64| now_ns.saturating_sub(found_ns) < self.slow_max_age_ns;
        if !self.found_ns.is_some_and(stands) {
            self.found_ns = Some(now_ns);
            for slot in &mut self.slots {
                slot.refresh(&self.roots, self.slow_max_age_ns, gaps);
            }
            self.find_matching(gaps);
            self.find_followed();
        }
        let slots = self.slots.iter_mut().chain(&mut self.matched);
        let slots = slots.chain(&mut self.followed);
        slots.filter_map(|slot| slot.sample(gaps)).collect()
    }

    /// Searches for the groups that the patterns mean, now and then, and opens those of the last
    /// search that exist. A pattern without a group is recorded in `gaps`.
    fn find_matching(&mut self, gaps: &mut Gaps) {
        let is_due = self.refreshes.is_multiple_of(SEARCH_EVERY) || self.slow_max_age_ns == 0;
        self.refreshes += 1;
        if is_due {
            let names = self.search(gaps);
            self.matched.retain(|slot| names.contains(slot.name()));
            for name in names {
                let mut known = self.slots.iter().chain(&self.matched);
                if !known.any(|slot| slot.name() == name) {
                    self.matched.push(TrackedCgroup::named(&name));
                }
            }
        }
        // A group that was removed since the last search is no gap.
        let mut removed = Gaps::default();
        for slot in &mut self.matched {
            slot.refresh(&self.roots, self.slow_max_age_ns, &mut removed);
        }
    }

    fn search(&self, gaps: &mut Gaps) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for pattern in &self.patterns {
            let what = format!("cgroup {}", pattern.as_str());
            let found = pattern.find(&self.roots);
            if found.is_empty() {
                gaps.note(what, &"no control group has this name");
            } else {
                gaps.forget(&what);
            }
            names.extend(found);
        }
        if names.len() > MOST_MATCHES {
            let left = names.len() - MOST_MATCHES;
            gaps.note(
                "cgroup",
                &format!("{left} of the groups that match are not read"),
            );
        }
        names.into_iter().take(MOST_MATCHES).collect()
    }

    fn find_followed(&mut self) {
        let mut before = std::mem::take(&mut self.followed);
        for pid in &self.processes {
            let Some(found) = TrackedCgroup::of_process(&self.roots, *pid, self.slow_max_age_ns)
            else {
                continue;
            };
            let mut known = self.slots.iter().chain(&self.matched).chain(&self.followed);
            if known.any(|slot| slot.is_same(&found)) {
                continue;
            }
            let place = before.iter().position(|slot| slot.is_same(&found));
            let kept = place.map(|place| before.swap_remove(place));
            self.followed.push(kept.unwrap_or(found));
        }
    }
}
