//! Trees of processes of all targets that the user selected.

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

/// Tree of processes of each target, which includes all descendants, with the sums of their use.
#[derive(Debug)]
pub(crate) struct TargetTrees {
    matcher: TargetMatcher,
    trees: Vec<ProcessTree>,
    tick_ns: u64,
}

impl TargetTrees {
    /// Creates the trees of `targets` without processes. A tree cannot use more than all `cores`; a
    /// figure above that is absent. The kernel counts CPU time in ticks of `tick_ns` nanoseconds;
    /// it is read every `interval_ns` nanoseconds.
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

    /// Returns the index of the target of each process in `samples` that matches a target or
    /// descends from one that does. The sample ended at `at_ns`, in nanoseconds of the monotonic
    /// clock.
    pub(crate) fn members(
        &mut self,
        at_ns: u64,
        samples: &[ProcessSample],
        lookup: &mut dyn ProcessLookup,
    ) -> HashMap<ProcessId, usize> {
        self.matcher.members(at_ns, samples, lookup)
    }

    /// Returns the label of the target with index `target`; `None` if there is no such target.
    pub(crate) fn label(&self, target: usize) -> Option<&str> {
        let target = self.matcher.targets().get(target);
        target.map(|target| target.label.as_str())
    }

    /// Adds a process of the current sample to the tree of the target with index `target`; does
    /// nothing if there is no such target.
    pub(crate) fn add(&mut self, target: usize, sample: &ProcessSample, detail: &ProcessDetail) {
        if let Some(tree) = self.trees.get_mut(target) {
            tree.add(sample, detail);
        }
    }

    /// Ends the current sample. Calls `each` for every tree, in the order of the targets, with the
    /// target's label, the tree's figures in this sample, and its sums. `starts` detects processes
    /// that started since the last sample.
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

    /// Iterates over the process id of the outermost process of each target, if it is in the last
    /// sample.
    pub(crate) fn root_pids(&self) -> impl Iterator<Item = u32> {
        self.matcher.root_pids()
    }

    /// Iterates over the targets of which no process has been seen so far.
    pub(crate) fn unfound(&self) -> impl Iterator<Item = &ProcessTarget> {
        self.matcher.unfound()
    }
}
