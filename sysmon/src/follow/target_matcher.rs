//! Assignment of processes to targets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use host_metrics::source::process::{ProcessId, ProcessSample};

use super::lookup::ProcessLookup;
use super::target::{ProcessTarget, TargetKind};

/// Time after which the listeners of ports are looked up again. This reads the descriptors of all
/// processes.
const LISTENERS_EVERY_NS: u64 = 2_000_000_000;
/// Time after which command lines of processes without a target are read again. A program that
/// executes another one may keep its name and change only its command line.
const COMMANDS_EVERY_NS: u64 = 2_000_000_000;
/// Depth above which a tree of processes is assumed to contain a cycle.
const DEEPEST: usize = 1000;
/// Number of bytes that the kernel keeps of a name.
const NAME_BYTES: usize = 15;

/// Matcher that assigns the processes of one recording to targets.
#[derive(Debug)]
pub(super) struct TargetMatcher {
    targets: Vec<ProcessTarget>,
    /// Name and target of each process when it was last matched.
    known: HashMap<ProcessId, (Arc<str>, Option<usize>)>,
    listeners: BTreeMap<u16, BTreeSet<u32>>,
    listeners_ns: Option<u64>,
    commands_ns: u64,
    /// True if command lines are read again at the current tick.
    rereads_commands: bool,
    /// True for each target of which a process was seen.
    found: Vec<bool>,
    /// Outermost process of each target in the last sample.
    roots: Vec<Option<u32>>,
}

impl TargetMatcher {
    /// Creates a matcher for targets of which no process was seen yet.
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

    /// Iterates over the targets of which no process was seen yet.
    pub(super) fn unfound(&self) -> impl Iterator<Item = &ProcessTarget> {
        let all = self.targets.iter().zip(&self.found);
        all.filter(|(_, found)| !**found).map(|(target, _)| target)
    }

    /// Iterates over the outermost process of each target that is in the last sample.
    pub(super) fn root_pids(&self) -> impl Iterator<Item = u32> {
        self.roots.iter().flatten().copied()
    }

    /// Returns the targets in the order in which they were given.
    pub(super) fn targets(&self) -> &[ProcessTarget] {
        &self.targets
    }

    /// Returns the index of the target of each process that matches a target or descends from one
    /// that does.
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

    /// Decides whether command lines are read again at this tick.
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

/// Returns true if `name` is `wanted` as the kernel keeps it, cut to 15 bytes.
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
