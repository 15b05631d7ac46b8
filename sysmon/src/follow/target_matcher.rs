//! Assignment of processes to the targets that the user selected.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use host_metrics::source::process::{ProcessId, ProcessSample};

use super::lookup::ProcessLookup;
use super::target::{ProcessTarget, TargetKind};

/// Time in nanoseconds after which the processes that listen on the targets' ports are looked up
/// again, which reads the descriptors of all processes.
const LISTENERS_EVERY_NS: u64 = 2_000_000_000;
/// Time in nanoseconds after which command lines of processes without a target are read again. A
/// program that executes another one may keep its name and change only its command line.
const COMMANDS_EVERY_NS: u64 = 2_000_000_000;
/// Depth above which a tree of processes is assumed to contain a cycle; ancestors beyond it are
/// ignored.
const DEEPEST: usize = 1000;
/// Number of bytes of a process's name that the kernel stores; longer names are cut.
const NAME_BYTES: usize = 15;

/// Matcher that assigns the processes of one recording or live view to targets.
#[derive(Debug)]
pub(super) struct TargetMatcher {
    targets: Vec<ProcessTarget>,
    /// Name of each process when it was last matched, and the index of its target, if any.
    known: HashMap<ProcessId, (Arc<str>, Option<usize>)>,
    listeners: BTreeMap<u16, BTreeSet<u32>>,
    listeners_ns: Option<u64>,
    commands_ns: u64,
    /// True if command lines are read again in the current sample.
    rereads_commands: bool,
    /// True at the index of each target of which a process has been seen.
    found: Vec<bool>,
    /// Process id of the first outermost process of each target in the last sample; `None` if there
    /// was none.
    roots: Vec<Option<u32>>,
}

impl TargetMatcher {
    /// Creates a matcher for `targets`, of which no process has been seen.
    pub(super) fn new(targets: &[ProcessTarget]) -> Self {
        Self {
            targets: targets.to_vec(),
            known: HashMap::new(),
            listeners: BTreeMap::new(),
            listeners_ns: None,
            commands_ns: 0,
            rereads_commands: false,
            found: vec![false; targets.len()],
            roots: vec![None; targets.len()],
        }
    }

    /// Iterates over the targets of which no process has been seen so far.
    pub(super) fn unfound(&self) -> impl Iterator<Item = &ProcessTarget> {
        let all = self.targets.iter().zip(&self.found);
        all.filter(|(_, found)| !**found).map(|(target, _)| target)
    }

    /// Iterates over the process id of the outermost process of each target, if it is in the last
    /// sample.
    pub(super) fn root_pids(&self) -> impl Iterator<Item = u32> {
        self.roots.iter().flatten().copied()
    }

    /// Returns the targets in the order in which they were given, which is that of their indices.
    pub(super) fn targets(&self) -> &[ProcessTarget] {
        &self.targets
    }

    /// Returns the index of the target of each process in `samples` that matches a target or
    /// descends from one that does; the outermost match decides. The sample ended at `at_ns`, in
    /// nanoseconds of the monotonic clock. Reads command lines and listening ports through `lookup`
    /// where targets need them.
    pub(super) fn members(
        &mut self,
        at_ns: u64,
        samples: &[ProcessSample],
        lookup: &mut dyn ProcessLookup,
    ) -> HashMap<ProcessId, usize> {
        if self.targets.is_empty() {
            return HashMap::new();
        }
        self.refresh_listeners(at_ns, lookup);
        self.schedule_commands(at_ns);
        let match_target = |sample| self.match_target(sample, lookup);
        let own: Vec<Option<usize>> = samples.iter().map(match_target).collect();
        let indices = samples.iter().enumerate();
        let indices: HashMap<u32, usize> = indices.map(|(i, s)| (s.id.pid, i)).collect();
        let parent = |i: usize| indices.get(&samples[i].parent).copied();
        let mut members = HashMap::new();
        self.roots.fill(None);
        for (i, sample) in samples.iter().enumerate() {
            let ancestors = std::iter::successors(Some(i), |i| parent(*i)).take(DEEPEST);
            // The outermost match decides: a server's workers belong to the server.
            let outermost = ancestors.filter_map(|i| Some((i, own[i]?))).last();
            if let Some((root, target)) = outermost {
                members.insert(sample.id, target);
                self.found[target] = true;
                self.roots[target].get_or_insert(samples[root].id.pid);
            }
        }
        let here: BTreeSet<ProcessId> = samples.iter().map(|s| s.id).collect();
        self.known.retain(|id, _| here.contains(id));
        members
    }

    fn refresh_listeners(&mut self, at_ns: u64, lookup: &mut dyn ProcessLookup) {
        let ports = self.targets.iter().filter_map(|target| match target.kind {
            TargetKind::Port(port) => Some(port),
            _ => None,
        });
        let ports: BTreeSet<u16> = ports.collect();
        let since_ns = self
            .listeners_ns
            .map(|last_ns| at_ns.saturating_sub(last_ns));
        let due = since_ns.is_none_or(|since_ns| since_ns >= LISTENERS_EVERY_NS);
        if !ports.is_empty() && due {
            self.listeners = lookup.listeners(&ports);
            self.listeners_ns = Some(at_ns);
        }
    }

    /// Decides whether command lines are read again in the sample that ended at `at_ns`.
    fn schedule_commands(&mut self, at_ns: u64) {
        let by_command = |target: &ProcessTarget| matches!(target.kind, TargetKind::Command(_));
        let since_ns = at_ns.saturating_sub(self.commands_ns);
        self.rereads_commands =
            since_ns >= COMMANDS_EVERY_NS && self.targets.iter().any(by_command);
        if self.rereads_commands {
            self.commands_ns = at_ns;
        }
    }

    fn match_target(
        &mut self,
        sample: &ProcessSample,
        lookup: &mut dyn ProcessLookup,
    ) -> Option<usize> {
        let listens = |target: &ProcessTarget| match target.kind {
            TargetKind::Port(port) => {
                let listeners = self.listeners.get(&port);
                listeners.is_some_and(|pids| pids.contains(&sample.id.pid))
            }
            _ => false,
        };
        if let Some(target) = self.targets.iter().position(listens) {
            return Some(target);
        }
        if let Some((name, target)) = self.known.get(&sample.id)
            && *name == sample.name
            && (target.is_some() || !self.rereads_commands)
        {
            return *target;
        }
        let mut line = None;
        let mut matches = |target: &ProcessTarget| match &target.kind {
            TargetKind::Name(name) => is_name(name, &sample.name),
            TargetKind::Pid(pid) => sample.id.pid == *pid,
            TargetKind::Port(_) => false,
            // The command line of this program contains the pattern itself.
            TargetKind::Command(_) if sample.id.pid == std::process::id() => false,
            TargetKind::Command(pattern) => {
                let line = line.get_or_insert_with(|| lookup.command_line(sample.id.pid));
                line.as_ref()
                    .map_or_else(|| pattern.is_match(""), |line| line.is_match(pattern))
            }
        };
        let target = self.targets.iter().position(&mut matches);
        let name = Arc::clone(&sample.name);
        self.known.insert(sample.id, (name, target));
        target
    }
}

/// Returns true if `name` is `wanted` as the kernel stores it, which cuts it to 15 bytes.
fn is_name(wanted: &str, name: &str) -> bool {
    wanted == name || (name.len() == NAME_BYTES && wanted.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_matched_as_far_as_the_kernel_keeps_it() {
        assert!(is_name("postgres", "postgres"));
        assert!(is_name("a-very-long-server-name", "a-very-long-ser"));
        assert!(!is_name("postgres", "post"));
        assert!(!is_name("post", "postgres"));
    }
}
