//! Trees of processes of all targets.

use std::collections::HashMap;

use host_metrics::rate_window::tick_window_ns;
use host_metrics::source::process::{ProcessDetail, ProcessId, ProcessSample};

use super::lookup::ProcessLookup;
use super::process_tree::ProcessTree;
use super::selection::StartTracker;
use super::target::ProcessTarget;
use super::target_matcher::TargetMatcher;
use super::tree_totals::TreeTotals;
use crate::figure::Figures;

/// Processes of each target with their descendants, and the sums of their use.
#[derive(Debug)]
pub(crate) struct TargetTrees {
    matcher: TargetMatcher,
    trees: Vec<ProcessTree>,
    tick_ns: u64,
}

impl TargetTrees {
    /// Creates the trees of `targets` without processes. A tree cannot use more than all `cores`; a
    /// figure above that is absent. CPU time is counted in ticks of `tick_ns`, and read every
    /// `interval_ns`.
    pub(crate) fn new(
        targets: &[ProcessTarget],
        cores: Option<f64>,
        tick_ns: u64,
        interval_ns: u64,
    ) -> Self {
        let tree = |_| ProcessTree::new(cores, tick_window_ns(interval_ns));
        Self {
            trees: targets.iter().map(tree).collect(),
            matcher: TargetMatcher::new(targets),
            tick_ns,
        }
    }

    /// Returns true if there are no targets.
    pub(crate) fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// Returns the index of the target of each process that matches a target or descends from one
    /// that does.
    pub(crate) fn members(
        &mut self,
        at_ns: u64,
        samples: &[ProcessSample],
        lookup: &mut dyn ProcessLookup,
    ) -> HashMap<ProcessId, usize> {
        self.matcher.members(at_ns, samples, lookup)
    }

    /// Returns the label of a target.
    pub(crate) fn label(&self, target: usize) -> Option<&str> {
        let target = self.matcher.targets().get(target);
        target.map(|target| target.label.as_str())
    }

    /// Adds a process of the current tick to the tree of its target.
    pub(crate) fn add(&mut self, target: usize, sample: &ProcessSample, detail: &ProcessDetail) {
        if let Some(tree) = self.trees.get_mut(target) {
            tree.add(sample, detail);
        }
    }

    /// Ends the tick. Calls `each` with the label of each tree, its figures of this tick and its
    /// sums.
    pub(crate) fn finish_tick(
        &mut self,
        starts: StartTracker,
        mut each: impl FnMut(&str, Figures, TreeTotals),
    ) {
        for (tree, target) in self.trees.iter_mut().zip(self.matcher.targets()) {
            let mut figures = Figures::default();
            tree.finish_tick(&target.label, self.tick_ns, starts, &mut figures);
            each(&target.label, figures, tree.totals());
        }
    }

    /// Iterates over the outermost process of each target that exists.
    pub(crate) fn root_pids(&self) -> impl Iterator<Item = u32> {
        self.matcher.root_pids()
    }

    /// Iterates over the targets of which no process was seen yet.
    pub(crate) fn unfound(&self) -> impl Iterator<Item = &ProcessTarget> {
        self.matcher.unfound()
    }
}
