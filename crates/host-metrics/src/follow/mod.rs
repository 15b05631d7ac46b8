//! The processes that matter: those that were asked for with their descendants, and those that
//! used the most CPU and held the most memory.
//!
//! Every live process is watched by a few numbers; a series is kept only for those that were asked
//! for, or are or were at some tick among the first by CPU time or by memory, and of these only a
//! bounded number survives: whoever falls far behind is let go. A process that was born after the
//! last look has used all it shows since then; one that is merely seen for the first time has no
//! rate yet.

mod followed_process;
mod process_recorder;
mod process_tree;
mod target;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::CommandLine;
use crate::derive::{RateWindow, tick_window_ns};
use crate::figure::{FigureValue, Figures, Period};
use crate::source::process::{ProcessDetail, ProcessFields, ProcessId, ProcessSample};

pub use followed_process::FollowedProcess;
pub use process_recorder::ProcessRecorder;
pub use process_tree::{ProcessTree, TreeTotals};
pub use target::{ProcessTarget, TargetMatcher};

/// How far behind the first a followed process may fall before it is let go.
const SLACK: usize = 4;
/// How many of those that were asked for are kept by CPU time, and how many by memory.
pub const MOST_MEMBERS: usize = 128;

/// Whom to follow, and what to record of each.
#[derive(Debug, Clone, Default)]
pub struct FollowOptions {
    /// So many by CPU time and so many by memory.
    pub most: usize,
    /// Every process was asked for, so that those left out are told of.
    pub all: bool,
    /// Processes to follow whatever they use, with their descendants.
    pub targets: Vec<ProcessTarget>,
    /// What to record beside CPU time and memory.
    pub fields: ProcessFields,
    /// Record command lines, secrets masked.
    pub command_lines: bool,
    /// For a live view: every process with its latest figures and no series, until it ends.
    pub live: bool,
}

/// What can be asked about the processes of a sample.
pub trait ProcessLookup {
    /// The rest of what is told of a process.
    fn detail(&mut self, id: ProcessId, fields: ProcessFields) -> ProcessDetail;
    /// Its command line.
    fn command_line(&mut self, pid: u32) -> Option<CommandLine>;
    /// Who listens on each of these TCP ports.
    fn listeners(&mut self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>>;
}

/// Follows the processes of one recording, and keeps a history `H` of each.
#[derive(Debug)]
pub struct Follower<H = ()> {
    following: FollowOptions,
    cores: Option<f64>,
    tick_ns: u64,
    least_window_ns: u64,
    pinned: Option<u32>,
    targets: TargetMatcher,
    trees: Vec<ProcessTree>,
    /// In the order in which samples come, so that neighbours are met one after the other.
    watched: BTreeMap<ProcessId, WatchedProcess>,
    followed: BTreeMap<ProcessId, FollowedProcess<H>>,
    latest_start: Option<u64>,
    last_look_ns: u64,
    left_out: usize,
}

/// A process, the CPU time that it used, and its memory.
type ProcessUse = (ProcessId, u64, u64);

#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "each is a time in nanoseconds")]
struct WatchedProcess {
    at_ns: u64,
    slack_ns: u64,
    cpu_ns: u64,
    used_ns: u64,
    seen_ns: u64,
}

impl<H: ProcessRecorder> Follower<H> {
    /// Follows as told. No process can use more than all `cores`; a figure that says so is
    /// absent. CPU time is counted in ticks of `tick_ns`, and read every `interval_ns`.
    pub fn new(
        following: &FollowOptions,
        cores: Option<u64>,
        tick_ns: u64,
        interval_ns: u64,
    ) -> Self {
        let targets = TargetMatcher::new(&following.targets);
        let cores = cores.map(|cores| cores as f64);
        let least_window_ns = tick_window_ns(interval_ns);
        let tree = |_| ProcessTree::new(cores, least_window_ns);
        let trees = targets.all().iter().map(tree).collect();
        Self {
            following: following.clone(),
            cores,
            tick_ns,
            least_window_ns,
            pinned: None,
            targets,
            trees,
            watched: BTreeMap::new(),
            followed: BTreeMap::new(),
            latest_start: None,
            last_look_ns: 0,
            left_out: 0,
        }
    }

    /// Records these groups of figures from here on.
    pub fn ask(&mut self, fields: ProcessFields) {
        self.following.fields = fields;
    }

    /// Follows the process `pid` whatever it uses.
    pub fn pin(&mut self, pid: u32) {
        self.pinned = Some(pid);
    }

    /// Takes in every process of the tick that ended at `at_ns`, asks for the rest of those that
    /// matter, and adds what the trees of the targets did to `out`.
    pub fn take(
        &mut self,
        at_ns: u64,
        samples: &[ProcessSample],
        details: &mut dyn ProcessLookup,
        out: &mut Figures,
    ) {
        let uses = samples.iter().map(|sample| {
            let (used_ns, cores) = self.watch(at_ns, sample);
            ((sample.id, used_ns, sample.rss_bytes), cores)
        });
        let (uses, cores): (Vec<ProcessUse>, Vec<_>) = uses.unzip();
        if self.watched.len() > samples.len() {
            self.watched.retain(|_, watched| watched.seen_ns == at_ns);
        }
        let members = self.targets.members(at_ns, samples, details);
        let live = self.following.live;
        let chosen = if live {
            vec![true; samples.len()]
        } else {
            self.first_of(self.following.most, &uses)
        };
        let watched = uses.iter().zip(cores).zip(chosen);
        let mut left_out = 0;
        for (sample, (((_, used_ns, _), cores), chosen)) in samples.iter().zip(watched) {
            let member = members.get(&sample.id).copied();
            let matters = chosen || self.followed.contains_key(&sample.id);
            if matters || member.is_some() {
                self.record(at_ns, sample, (*used_ns, cores), member, details);
            } else {
                left_out += 1;
            }
        }
        self.left_out = self.left_out.max(left_out);
        self.close_trees(out);
        self.let_go();
        self.latest_start = samples
            .iter()
            .map(|s| s.id.started)
            .max()
            .max(self.latest_start);
        self.last_look_ns = at_ns;
    }

    /// The followed processes, most CPU time first.
    pub fn ranked(&self) -> Vec<(ProcessId, &FollowedProcess<H>)> {
        let mut all: Vec<_> = self.followed.iter().map(|(id, f)| (*id, f)).collect();
        all.sort_by_key(|(_, f)| Reverse((f.used_ns, f.rss_max_bytes)));
        all
    }

    /// The followed processes that there still are, in order of their numbers.
    pub fn live(&self) -> impl Iterator<Item = (ProcessId, &FollowedProcess<H>)> {
        let all = self.followed.iter().map(|(id, f)| (*id, f));
        all.filter(|(id, _)| self.watched.contains_key(id))
    }

    /// Returns the histories of the processes that mattered over the whole recording, most CPU
    /// time first; none in a live view.
    pub fn ranked_histories(&self) -> impl Iterator<Item = &H> {
        let kept = self.first_followed(self.most_kept());
        self.ranked()
            .into_iter()
            .filter(move |(id, _)| kept.contains(id))
            .filter_map(|(_, followed)| followed.history())
    }

    /// Returns the histories of all followed processes.
    pub fn histories(&self) -> impl Iterator<Item = &H> {
        self.followed.values().filter_map(FollowedProcess::history)
    }

    /// Returns the same, to change them.
    pub fn histories_mut(&mut self) -> impl Iterator<Item = &mut H> {
        self.followed
            .values_mut()
            .filter_map(FollowedProcess::history_mut)
    }

    /// What was asked for and never seen, as it was written.
    pub fn unfound(&self) -> impl Iterator<Item = &str> {
        self.targets.unfound().map(|target| target.label.as_str())
    }

    /// Processes at once that were asked for and are not told apart, as there were too many, with the
    /// number that is kept by CPU time, and by memory.
    pub fn left_out(&self) -> Option<(usize, usize)> {
        let is_any = self.following.all && self.left_out > 0;
        is_any.then_some((self.left_out, self.following.most))
    }

    /// The command that is recorded, and the first process of each target: those whose control groups
    /// tell what the others may use.
    pub fn heads(&self) -> impl Iterator<Item = u32> {
        self.pinned.into_iter().chain(self.targets.heads())
    }

    fn is_born(&self, id: ProcessId) -> bool {
        self.latest_start.is_some_and(|latest| id.started >= latest)
    }

    /// Says how much CPU time the process used during the recording, as far as it is known, and how
    /// many cores since the last look.
    fn watch(&mut self, at_ns: u64, sample: &ProcessSample) -> (u64, Option<FigureValue>) {
        let now_ns = sample.span.midpoint_ns();
        let born = self.is_born(sample.id);
        let watched = self
            .watched
            .entry(sample.id)
            .or_insert_with(|| WatchedProcess {
                at_ns: if born { self.last_look_ns } else { now_ns },
                slack_ns: sample.span.slack_ns(),
                cpu_ns: if born { 0 } else { sample.cpu_ns },
                used_ns: 0,
                seen_ns: at_ns,
            });
        watched.seen_ns = at_ns;
        let window = RateWindow {
            period: Period {
                from_ns: watched.at_ns,
                to_ns: now_ns,
            },
            slack_ns: watched.slack_ns + sample.span.slack_ns(),
        };
        if window.ns() < self.least_window_ns {
            return (watched.used_ns, None);
        }
        let used_ns = sample.cpu_ns.checked_sub(watched.cpu_ns);
        // User and system are each rounded to a tick, and what runs is added up at every tick.
        let running = sample.threads.unwrap_or(1);
        let running = self.cores.map_or(running, |most| running.min(most as u64));
        let cores = window.mean(Some(0), used_ns, (2 + running) * self.tick_ns);
        let cores = cores.and_then(|used| used.at_most(self.cores));
        if cores.is_some() {
            watched.used_ns += used_ns.unwrap_or(0);
        }
        watched.slack_ns = sample.span.slack_ns();
        (watched.at_ns, watched.cpu_ns) = (now_ns, sample.cpu_ns);
        (watched.used_ns, cores)
    }

    fn record(
        &mut self,
        at_ns: u64,
        sample: &ProcessSample,
        (used_ns, cores): (u64, Option<FigureValue>),
        member: Option<usize>,
        details: &mut dyn ProcessLookup,
    ) {
        let fields = self.following.fields;
        let detail = if fields.need_detail() {
            details.detail(sample.id, fields)
        } else {
            ProcessDetail::default()
        };
        if let Some(tree) = member.and_then(|member| self.trees.get_mut(member)) {
            tree.add(sample, &detail);
        }
        let keeps_history = !self.following.live;
        let (followed, new) = match self.followed.entry(sample.id) {
            Entry::Occupied(known) => (known.into_mut(), false),
            Entry::Vacant(place) => {
                let followed = FollowedProcess::new(sample, keeps_history, self.least_window_ns);
                (place.insert(followed), true)
            }
        };
        if new || !followed.is_named(&sample.name) {
            followed.rename(&sample.name);
            let asked = self.following.command_lines;
            if let Some(line) = asked.then(|| details.command_line(sample.id.pid)).flatten() {
                followed.set_command(&line);
            }
        }
        if let Some(target) = member
            .filter(|_| new)
            .and_then(|i| self.targets.all().get(i))
        {
            followed.set_target(&target.label);
        }
        followed.used_ns = used_ns;
        followed.rss_max_bytes = followed.rss_max_bytes.max(sample.rss_bytes);
        followed.take(at_ns, sample, cores, detail, (fields, self.tick_ns));
    }

    fn close_trees(&mut self, out: &mut Figures) {
        let mut trees = std::mem::take(&mut self.trees);
        for (tree, target) in trees.iter_mut().zip(self.targets.all()) {
            tree.close(&target.label, self.tick_ns, |id| self.is_born(id), out);
        }
        self.trees = trees;
    }

    fn most_kept(&self) -> usize {
        let members = if self.trees.is_empty() {
            0
        } else {
            MOST_MEMBERS
        };
        self.following.most.max(members)
    }

    fn let_go(&mut self) {
        if self.following.live {
            let watched = &self.watched;
            self.followed.retain(|id, _| watched.contains_key(id));
            return;
        }
        let most = self.most_kept();
        if self.followed.len() > 2 * SLACK * most + 1 {
            let kept = self.first_followed(2 * most);
            self.followed.retain(|id, _| kept.contains(id));
        }
    }

    fn first_followed(&self, most: usize) -> BTreeSet<ProcessId> {
        let all = self.followed.iter();
        let all: Vec<ProcessUse> = all
            .map(|(id, f)| (*id, f.used_ns, f.rss_max_bytes))
            .collect();
        let chosen = self.first_of(most, &all);
        let kept = all.iter().zip(chosen).filter(|(_, chosen)| *chosen);
        kept.map(|((id, ..), _)| *id).collect()
    }

    /// Which of `all` are the first `most` by CPU time that used any, the first by memory, or the
    /// pinned one.
    fn first_of(&self, most: usize, all: &[ProcessUse]) -> Vec<bool> {
        let pinned = all.iter().map(|(id, ..)| Some(id.pid) == self.pinned);
        let mut chosen: Vec<bool> = pinned.collect();
        let mut places: Vec<usize> = (0..all.len()).collect();
        for place in greatest(&mut places, most, |place| all[place].1) {
            chosen[*place] |= all[*place].1 > 0;
        }
        for place in greatest(&mut places, most, |place| all[place].2) {
            chosen[*place] = true;
        }
        chosen
    }
}

/// The `most` places that have the most of something, in no order; of equals the first.
fn greatest(places: &mut [usize], most: usize, of: impl Fn(usize) -> u64) -> &[usize] {
    if (1..places.len()).contains(&most) {
        places.select_nth_unstable_by_key(most - 1, |place| (Reverse(of(*place)), *place));
    }
    &places[..most.min(places.len())]
}
