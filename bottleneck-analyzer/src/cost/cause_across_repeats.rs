//! One cause, judged over all repeats of the operating point: persistent (in most repeats), an episode (in
//! fewer), or too small for a finding.

use super::check_result::{CauseCost, CheckResult};
use super::repeat_facts::RepeatFacts;
use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::figures::{duration_ns, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::own_time::CausePart;
use crate::requests;
use bench_report::names;

/// Number of times that sessions were sampled, over all repeats, below which the confidence is at
/// most medium.
const ENOUGH_SAMPLES: f64 = 100.0;
/// Number of times that sessions were sampled, over all repeats, below which the confidence is low.
const FEW_SAMPLES: f64 = 20.0;
/// Smallest share of a time, from 0 to 1, that queues must take of it to be told apart.
const QUEUES_RATIO: f64 = 0.05;
/// Smallest share of the response time, from 0 to 1, at which avoidable time is a problem and not
/// only information.
const PROBLEM_RATIO: f64 = 0.10;

/// One cause in all repeats, with its cost in each; the cost is `None` for a repeat without the cause.
pub(super) struct CauseAcrossRepeats<'p, 'a, 'f> {
    /// Rule that found the cause.
    pub(super) rule: Rule,
    repeats: &'p [RepeatFacts<'a, 'f>],
    costs: Vec<Option<CauseCost>>,
}

/// Groups the costs of all repeats by cause (rule and key), the largest cause first. `results` has
/// one entry for each of `repeats`, in the same order.
pub(super) fn causes_across_repeats<'p, 'a, 'f>(
    repeats: &'p [RepeatFacts<'a, 'f>],
    results: &[Vec<CheckResult>],
) -> Vec<CauseAcrossRepeats<'p, 'a, 'f>> {
    let mut keys: Vec<(Rule, &[CausePart])> = Vec::new();
    for result in results.iter().flatten() {
        if let CheckResult::Cost(cost) = result
            && !keys.contains(&(cost.rule, &cost.key))
        {
            keys.push((cost.rule, &cost.key));
        }
    }
    let of = |repeat: &Vec<CheckResult>, key: (Rule, &[CausePart])| {
        repeat.iter().find_map(|result| match result {
            CheckResult::Cost(cost) if (cost.rule, cost.key.as_slice()) == key => {
                Some(cost.clone())
            }
            _ => None,
        })
    };
    let group = |key: (Rule, &[CausePart])| CauseAcrossRepeats {
        rule: key.0,
        repeats,
        costs: results.iter().map(|repeat| of(repeat, key)).collect(),
    };
    let mut groups: Vec<CauseAcrossRepeats<'p, 'a, 'f>> = keys.into_iter().map(group).collect();
    // The rule's largest cause comes first, because the first one gets the id without a suffix.
    groups.sort_by(|a, b| b.most().total_cmp(&a.most()));
    groups
}

impl CauseAcrossRepeats<'_, '_, '_> {
    fn seen(&self) -> impl Iterator<Item = (usize, &CauseCost)> {
        let all = self.costs.iter().enumerate();
        all.filter_map(|(i, cost)| Some((i, cost.as_ref()?)))
    }

    /// Returns the time that the cause takes of a call in repeat `i`, as a share of the service
    /// time; 0 if the repeat does not have the cause.
    fn share(&self, i: usize) -> f64 {
        let own = self.costs[i].as_ref().map_or(0.0, |cost| cost.own_ns);
        self.repeats[i].share_of_service(own)
    }

    fn most(&self) -> f64 {
        let shares = (0..self.costs.len()).map(|i| self.share(i));
        shares.fold(0.0, f64::max)
    }

    /// Returns the response time that would be gained without the cause in repeat `i`, as a share of the mean
    /// response time.
    fn saved_ratio(&self, i: usize) -> f64 {
        self.saved_ns(i) / self.repeats[i].model.whole_ns
    }

    /// Returns the mean response time that would be gained without the cause in repeat `i`, in nanoseconds; 0
    /// if the repeat does not have the cause.
    fn saved_ns(&self, i: usize) -> f64 {
        let cost = self.costs[i].as_ref();
        cost.map_or(0.0, |cost| saved_in(&self.repeats[i], cost))
    }

    /// Returns the smallest and the largest saved time over the repeats, in nanoseconds; `None` for one
    /// repeat.
    fn saved_range_ns(&self) -> Option<(f64, f64)> {
        let all = (0..self.repeats.len()).map(|i| self.saved_ns(i));
        let range = all.fold((f64::MAX, 0.0_f64), |(l, h), ns| (l.min(ns), h.max(ns)));
        (self.repeats.len() > 1).then_some(range)
    }

    /// Returns the indices of the repeats in which the cause is large enough for a finding. If some
    /// repeat reaches the bound, half of the bound is enough for the others. Empty if no repeat
    /// reaches it.
    fn passing(&self) -> Vec<usize> {
        let past = |part: f64| {
            let at_least = |&(i, cost): &(usize, &CauseCost)| {
                self.share(i) >= part * cost.least || self.lengthens_hold(i, cost)
            };
            let seen = self.seen().filter(at_least);
            seen.map(|(i, _)| i).collect::<Vec<usize>>()
        };
        if past(1.0).is_empty() {
            Vec::new()
        } else {
            past(0.5)
        }
    }

    /// Returns true if the cause, however short it is itself, makes calls wait for a hot lock in repeat `i`.
    fn lengthens_hold(&self, i: usize, cost: &CauseCost) -> bool {
        let repeat = &self.repeats[i];
        cost.least.is_finite() && repeat.lengthens_hold(&cost.own_time(repeat.bench.id()))
    }

    /// Returns the index of the repeat that represents the cause. For a persistent cause: the
    /// chosen step if the cause is in it, else the median repeat. For an episode: the worst repeat.
    /// `None` if the cause is too small in every repeat.
    fn typical(&self, persistent: bool) -> Option<usize> {
        let mut passing = self.passing();
        passing.sort_by(|a, b| self.saved_ratio(*a).total_cmp(&self.saved_ratio(*b)));
        if !persistent {
            return passing.last().copied();
        }
        let operating = self.repeats[0]
            .bench
            .operating_step()
            .map(|(index, _)| index);
        let is_point = |i: &&usize| Some(self.repeats[**i].server.index) == operating;
        let point = passing.iter().find(is_point).copied();
        point.or_else(|| passing.get(passing.len() / 2).copied())
    }

    /// Returns a finding about the cause; `None` if the cause is too small in every repeat, or is
    /// an episode that cannot be avoided. With `not_the_first` the finding's id gets a suffix,
    /// because the rule already has a finding with the plain id.
    pub(super) fn finding(&self, not_the_first: bool) -> Option<FindingDraft> {
        let persistent = 2 * self.passing().len() > self.repeats.len();
        let typical = self.typical(persistent)?;
        let cost = self.costs[typical].as_ref()?;
        // An episode that nobody can avoid is not worth a finding.
        if !persistent && !cost.avoidable {
            return None;
        }
        let repeat = &self.repeats[typical];
        let bench = repeat.bench;
        let mut draft = bench
            .finding(cost.rule, self.kind(cost, typical, persistent))
            .says(title(cost, repeat), self.detail(cost, typical, persistent))
            .thing(cost.thing.clone())
            .evidence(cost.evidence.iter().cloned())
            .computes(cost.computed.iter().cloned())
            .computes(self.computed(cost, typical, persistent));
        draft = self.weigh(draft, cost, typical, persistent);
        draft = draft.breaks_objective(!persistent && self.breaks_the_objective(typical));
        if not_the_first {
            draft = draft.one_of_several(&cost.mark());
        }
        if !cost.actions.is_empty() {
            let actions: Vec<&str> = cost.actions.iter().map(String::as_str).collect();
            draft = draft.advice(&actions, gain(repeat, cost), &cost.rationale);
        }
        Some(if cost.restart {
            draft.needs_restart()
        } else {
            draft
        })
    }

    fn kind(&self, cost: &CauseCost, typical: usize, persistent: bool) -> FindingKind {
        let large = if persistent {
            // A lower bound may be far below the true time, so a small one is enough.
            cost.lower_bound || self.saved_ratio(typical) >= PROBLEM_RATIO
        } else {
            // An episode hardly changes a mean, but it makes percentiles worse.
            self.mean_saved_ratio() >= PROBLEM_RATIO || self.breaks_the_objective(typical)
        };
        if cost.avoidable && large {
            FindingKind::Problem
        } else {
            FindingKind::Information
        }
    }

    fn mean_saved_ratio(&self) -> f64 {
        let all = (0..self.repeats.len()).map(|i| self.saved_ratio(i));
        all.sum::<f64>() / self.repeats.len() as f64
    }

    fn breaks_the_objective(&self, i: usize) -> bool {
        let repeat = &self.repeats[i];
        let Some((_, bound_ns)) = repeat.bench.objectives().latency else {
            return false;
        };
        let worst = requests::longest_ns(repeat.server.step);
        worst.is_some_and(|ns| ns as f64 > bound_ns)
    }

    fn detail(&self, cost: &CauseCost, typical: usize, persistent: bool) -> String {
        let mut text = cost.detail.clone();
        let repeat = &self.repeats[typical];
        if repeat.is_timed() {
            text += &whole_call(repeat);
            let saved = saved_in(repeat, cost);
            if saved > (1.0 + QUEUES_RATIO) * cost.own_ns {
                text += &format!(
                    " Without this cause it would take {} less, because queues become shorter with it.",
                    duration_ns(saved)
                );
            }
        }
        if self.repeats.len() > 1 {
            text += &self.repeats_sentence(typical, persistent);
        }
        text
    }

    /// Returns the figures that this module adds to title and detail, with the way in which they were computed.
    fn computed(&self, cost: &CauseCost, typical: usize, persistent: bool) -> Vec<ComputedFigure> {
        let repeat = &self.repeats[typical];
        let mut figures = Vec::new();
        if repeat.is_timed() {
            let how = "time of its events, work or queue in the time model of a call";
            figures.push(ComputedFigure::new(
                "time that the cause itself takes of a call, in nanoseconds",
                cost.own_ns,
                how,
            ));
        } else {
            let part = repeat.share_of_service(cost.own_ns);
            let how = "time of the cause ÷ time of sessions at work";
            figures.push(ComputedFigure::new("share of the cause", part, how));
        }
        let longest = requests::longest_ns(repeat.server.step).filter(|_| !persistent);
        figures.extend(longest.map(|ns| {
            let how = "largest maximum over the operations of the repeat";
            ComputedFigure::new("slowest call, in nanoseconds", ns as f64, how)
        }));
        if !persistent {
            let how = "saved time ÷ response time, averaged over all repeats";
            let ratio = self.mean_saved_ratio();
            figures.push(ComputedFigure::new(
                "share of the response time",
                ratio,
                how,
            ));
        }
        figures
    }

    fn repeats_sentence(&self, typical: usize, persistent: bool) -> String {
        let (seen, all) = (self.passing().len(), self.repeats.len());
        if persistent {
            return format!(" Seen in {seen} of {all} repeats.");
        }
        let repeat = &self.repeats[typical];
        let worst = requests::longest_ns(repeat.server.step);
        let worst = worst.map_or_else(String::new, |ns| {
            format!(", where the slowest call took {}", duration_ns(ns as f64))
        });
        format!(
            " An episode: seen only in {seen} of {all} repeats ({}){worst}. Averaged over all repeats it \
             takes {} of the response time.",
            repeat.name(),
            share(self.mean_saved_ratio())
        )
    }

    /// Returns the time of which [`Self::share`] tells the share in repeat `i`, in words.
    fn divided_time(&self, i: usize) -> &'static str {
        if self.repeats[i].is_timed() {
            "the time that a call holds its connection"
        } else {
            "the time of sessions at work"
        }
    }

    fn weigh(
        &self,
        draft: FindingDraft,
        cost: &CauseCost,
        typical: usize,
        persistent: bool,
    ) -> FindingDraft {
        let repeat = &self.repeats[typical];
        let draft = if !repeat.is_timed() {
            draft.impact(self.saved_ratio(typical), ImpactOf::SessionTime)
        } else if persistent {
            draft
                .saves(saved_in(repeat, cost), repeat.model.whole_ns)
                .saves_between(self.saved_range_ns())
        } else {
            let ratio = self.mean_saved_ratio();
            draft.saves(ratio * repeat.model.whole_ns, repeat.model.whole_ns)
        };
        let draft = draft.confidence(self.confidence(cost, typical, persistent));
        let own = cost.own_time(repeat.bench.id());
        draft.raises_capacity(repeat.capacity_gain(&own)).takes(own)
    }

    fn confidence(&self, cost: &CauseCost, typical: usize, persistent: bool) -> Confidence {
        let samples = self
            .repeats
            .iter()
            .map(|p| p.server.figure(names::postgres::SESSIONS_SAMPLES));
        let samples: Option<f64> = samples.sum();
        let part = self.share(typical);
        let noise = samples.map_or(0.02, |n| (part * (1.0 - part).max(0.0) / n.max(1.0)).sqrt());
        let mut sure = confidence_past(part, cost.least, noise);
        if self.passing().len() < self.repeats.len() || samples.is_some_and(|n| n < ENOUGH_SAMPLES)
        {
            sure = sure.min(Confidence::Medium);
        }
        if samples.is_some_and(|n| n < FEW_SAMPLES) {
            sure = Confidence::Low;
        }
        let sure = if persistent {
            sure
        } else {
            sure.max(Confidence::Medium)
        };
        let allowed = self.seen().map(|(_, cost)| cost.highest_confidence);
        allowed.fold(sure, Confidence::min)
    }

    /// Returns a statement that the cause is too small, and its evidence, from the repeat in which
    /// it is largest. Both are empty if no repeat has the cause.
    pub(super) fn ruled_out(&self) -> (String, Vec<EvidenceItem>) {
        let Some((at, cost)) = self
            .seen()
            .max_by(|a, b| self.share(a.0).total_cmp(&self.share(b.0)))
        else {
            return (String::new(), Vec::new());
        };
        let of = self.divided_time(at);
        let bound = if cost.least.is_finite() {
            format!("bound {}", share(cost.least))
        } else {
            "too few sessions at once to tell".to_owned()
        };
        let part = share(self.share(at));
        let statement = format!("{}: {part} of {of} ({bound})", cost.title);
        (statement, cost.evidence.clone())
    }
}

/// Returns the mean response time that would be gained without the cause in `repeat`, in nanoseconds.
fn saved_in(repeat: &RepeatFacts<'_, '_>, cost: &CauseCost) -> f64 {
    repeat.saved_ns(&cost.own_time(repeat.bench.id()))
}

/// Describes the mean call in `repeat`, as a sentence that begins with a space.
fn whole_call(repeat: &RepeatFacts<'_, '_>) -> String {
    let (whole, held) = (repeat.model.whole_ns, repeat.model.served_ns());
    let whole_text = duration_ns(whole);
    if whole - held < QUEUES_RATIO * whole {
        return format!(" A call takes {whole_text} on average.");
    }
    format!(
        " A call takes {whole_text} on average, {} of it while it holds a connection.",
        duration_ns(held)
    )
}

fn gain(repeat: &RepeatFacts<'_, '_>, cost: &CauseCost) -> String {
    let saved = saved_in(repeat, cost);
    let ratio = share(saved / repeat.model.whole_ns);
    if repeat.is_timed() {
        format!(
            "up to {} of each call ({ratio} of the response time) at the same load",
            duration_ns(saved)
        )
    } else {
        format!("up to {ratio} of the time of sessions at work")
    }
}

/// Returns the title of a finding: the cause, and the time that it takes of a call in `repeat`.
fn title(cost: &CauseCost, repeat: &RepeatFacts<'_, '_>) -> String {
    if repeat.is_timed() {
        return format!("{}: {} of each call", cost.title, duration_ns(cost.own_ns));
    }
    let part = share(repeat.share_of_service(cost.own_ns));
    format!("{}: {part} of the time of sessions at work", cost.title)
}
