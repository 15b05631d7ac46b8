//! Which processes were asked for, and which ones these are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use regex::Regex;

use super::ProcessLookup;
use crate::Masking;
use crate::source::process::{ProcessId, ProcessSample};

/// Between two looks at who listens on a port, which takes a look at all descriptors.
const LOOK_FOR_LISTENERS_EVERY_NS: u64 = 2_000_000_000;
/// Between two looks at the command lines of those that are nobody's yet: a program that starts
/// another in its place may keep its name and change only those.
const LOOK_AT_COMMANDS_EVERY_NS: u64 = 2_000_000_000;
/// No tree of processes is deeper; one that seems to be has a loop in it.
const DEEPEST: usize = 1000;

/// How a process is told from others.
#[derive(Debug, Clone)]
enum TargetKind {
    Name(String),
    Pid(u32),
    Port(u16),
    Command(Regex),
}

/// Processes that were asked for, with all their descendants.
#[derive(Debug, Clone)]
pub struct ProcessTarget {
    /// As it was written, secrets masked; the label of its series.
    pub label: String,
    wanted: TargetKind,
}

impl ProcessTarget {
    /// Parses `postgres`, `pid:4711`, `port:5432` or `command:REGEX`.
    ///
    /// # Errors
    /// A sentence that says which forms there are.
    pub fn parse(text: &str, masking: Masking) -> Result<Self, String> {
        let form = "write a name, pid:NUMBER, port:NUMBER or command:REGEX";
        let wanted = match text.split_once(':') {
            _ if text.trim().is_empty() => return Err(format!("nothing to follow; {form}")),
            Some(("pid", number)) => number
                .parse()
                .map(TargetKind::Pid)
                .map_err(|_| format!("{number:?} is no process number; {form}"))?,
            Some(("port", number)) => number
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .map(TargetKind::Port)
                .ok_or_else(|| format!("{number:?} is no port; {form}"))?,
            Some(("command", pattern)) => Regex::new(pattern)
                .map(TargetKind::Command)
                .map_err(|_| format!("{pattern:?} is no regular expression; {form}"))?,
            _ => TargetKind::Name(text.to_owned()),
        };
        let label = match text.strip_prefix("command:") {
            Some(pattern) => format!("command:{}", (masking.text)(pattern)),
            None => (masking.text)(text),
        };
        Ok(Self { label, wanted })
    }
}

/// The targets of one recording, and which of the processes seen are theirs.
#[derive(Debug)]
pub struct TargetMatcher {
    wanted: Vec<ProcessTarget>,
    /// What is known of a process under the name it has now.
    known: HashMap<ProcessId, (Arc<str>, Option<usize>)>,
    listeners: BTreeMap<u16, BTreeSet<u32>>,
    looked_ns: Option<u64>,
    commands_looked_ns: u64,
    looks_again: bool,
    /// Of each target, whether any process was its.
    found: Vec<bool>,
    /// Of each target, the process that was asked for, at the last look.
    heads: Vec<Option<u32>>,
}

impl TargetMatcher {
    /// Creates the targets of one recording, none of them found yet.
    pub fn new(targets: &[ProcessTarget]) -> Self {
        Self {
            wanted: targets.to_vec(),
            known: HashMap::new(),
            listeners: BTreeMap::new(),
            looked_ns: None,
            commands_looked_ns: 0,
            looks_again: false,
            found: vec![false; targets.len()],
            heads: vec![None; targets.len()],
        }
    }

    /// Those for which no process was seen yet.
    pub fn unfound(&self) -> impl Iterator<Item = &ProcessTarget> {
        let all = self.wanted.iter().zip(&self.found);
        all.filter(|(_, found)| !**found).map(|(target, _)| target)
    }

    /// Of each target that is there the process that was asked for, the outermost of several.
    pub fn heads(&self) -> impl Iterator<Item = u32> {
        self.heads.iter().flatten().copied()
    }

    /// Returns the targets in the order in which they were asked for.
    pub fn all(&self) -> &[ProcessTarget] {
        &self.wanted
    }

    /// The target of each process that was asked for or descends from one that was.
    pub fn members(
        &mut self,
        at_ns: u64,
        samples: &[ProcessSample],
        details: &mut dyn ProcessLookup,
    ) -> HashMap<ProcessId, usize> {
        if self.wanted.is_empty() {
            return HashMap::new();
        }
        self.look_for_listeners(at_ns, details);
        self.look_at_commands(at_ns);
        let asked_for = |sample| self.asked_for(sample, details);
        let roots: Vec<Option<usize>> = samples.iter().map(asked_for).collect();
        let places = samples.iter().enumerate();
        let places: HashMap<u32, usize> = places.map(|(i, s)| (s.id.pid, i)).collect();
        let above = |i: usize| places.get(&samples[i].parent).copied();
        let mut members = HashMap::new();
        self.heads.fill(None);
        for (i, sample) in samples.iter().enumerate() {
            let line = std::iter::successors(Some(i), |i| above(*i)).take(DEEPEST);
            // The outermost names it: a server's workers belong to the server.
            let outermost = line.filter_map(|i| Some((i, roots[i]?))).last();
            if let Some((head, target)) = outermost {
                members.insert(sample.id, target);
                self.found[target] = true;
                self.heads[target].get_or_insert(samples[head].id.pid);
            }
        }
        let here: BTreeSet<ProcessId> = samples.iter().map(|s| s.id).collect();
        self.known.retain(|id, _| here.contains(id));
        members
    }

    fn look_for_listeners(&mut self, at_ns: u64, details: &mut dyn ProcessLookup) {
        let ports = self.wanted.iter().filter_map(|target| match target.wanted {
            TargetKind::Port(port) => Some(port),
            _ => None,
        });
        let ports: BTreeSet<u16> = ports.collect();
        let since_ns = self.looked_ns.map(|looked| at_ns.saturating_sub(looked));
        let due = since_ns.is_none_or(|since_ns| since_ns >= LOOK_FOR_LISTENERS_EVERY_NS);
        if !ports.is_empty() && due {
            self.listeners = details.listeners(&ports);
            self.looked_ns = Some(at_ns);
        }
    }

    /// Says whether it is time to look at command lines again.
    fn look_at_commands(&mut self, at_ns: u64) {
        let by_command = |target: &ProcessTarget| matches!(target.wanted, TargetKind::Command(_));
        let since_ns = at_ns.saturating_sub(self.commands_looked_ns);
        self.looks_again =
            since_ns >= LOOK_AT_COMMANDS_EVERY_NS && self.wanted.iter().any(by_command);
        if self.looks_again {
            self.commands_looked_ns = at_ns;
        }
    }

    fn asked_for(
        &mut self,
        sample: &ProcessSample,
        details: &mut dyn ProcessLookup,
    ) -> Option<usize> {
        let listens = |target: &ProcessTarget| match target.wanted {
            TargetKind::Port(port) => {
                let listeners = self.listeners.get(&port);
                listeners.is_some_and(|pids| pids.contains(&sample.id.pid))
            }
            _ => false,
        };
        if let Some(target) = self.wanted.iter().position(listens) {
            return Some(target);
        }
        if let Some((name, target)) = self.known.get(&sample.id)
            && *name == sample.name
            && (target.is_some() || !self.looks_again)
        {
            return *target;
        }
        let mut line = None;
        let mut matches = |target: &ProcessTarget| match &target.wanted {
            TargetKind::Name(name) => is_name(name, &sample.name),
            TargetKind::Pid(pid) => sample.id.pid == *pid,
            TargetKind::Port(_) => false,
            // Our own command line has the pattern in it.
            TargetKind::Command(_) if sample.id.pid == std::process::id() => false,
            TargetKind::Command(pattern) => {
                let line = line.get_or_insert_with(|| details.command_line(sample.id.pid));
                line.as_ref()
                    .map_or_else(|| pattern.is_match(""), |line| line.is_match(pattern))
            }
        };
        let target = self.wanted.iter().position(&mut matches);
        let name = Arc::clone(&sample.name);
        self.known.insert(sample.id, (name, target));
        target
    }
}

/// The kernel keeps 15 bytes of a name.
fn is_name(wanted: &str, name: &str) -> bool {
    const KEPT_BYTES: usize = 15;
    wanted == name || (name.len() == KEPT_BYTES && wanted.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_odd_ones_refused() {
        for good in [
            "postgres",
            "pid:7",
            "port:5432",
            "command:^java .*shop",
            "a:b",
        ] {
            assert_eq!(
                ProcessTarget::parse(good, Masking::NONE).unwrap().label,
                good
            );
        }
        for odd in [
            "",
            " ",
            "pid:",
            "pid:-1",
            "port:0",
            "port:99999",
            "command:(",
        ] {
            let error = ProcessTarget::parse(odd, Masking::NONE).unwrap_err();
            assert!(error.contains("write a name, pid:NUMBER"), "{odd}: {error}");
        }
    }

    #[test]
    fn a_name_is_matched_as_far_as_the_kernel_keeps_it() {
        assert!(is_name("postgres", "postgres"));
        assert!(is_name("a-very-long-server-name", "a-very-long-ser"));
        assert!(!is_name("postgres", "post"));
        assert!(!is_name("post", "postgres"));
    }
}
