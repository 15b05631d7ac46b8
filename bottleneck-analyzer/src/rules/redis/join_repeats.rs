//! Joins the conclusions about all repeats, as [`crate::cost`] does for PostgreSQL. A cause in more than half of
//! the repeats is persistent and told as in one of them; a cause in fewer is an episode, whose time counts only
//! for the repeats that had it. A check passes only if it passed in all repeats.

use std::collections::BTreeMap;

use super::materiality::MATTERS;
use crate::assessment::{Confidence, Finding, FindingId, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::share;
use crate::redis::RedisEvidence;
use crate::requests;

/// Server in one repeat, with the conclusions about it.
pub(super) type JudgedRepeat<'a> = (RedisEvidence<'a>, Conclusions);

/// Finding with the index of the repeat that had it.
type Seen = (usize, Finding);

/// Adds the conclusions of all repeats to `out`: each finding once, with the number of repeats that had it.
/// Open questions and passed checks are kept once for each rule without a finding.
pub(super) fn join(bench: &BenchFacts<'_>, repeats: Vec<JudgedRepeat<'_>>, out: &mut Conclusions) {
    let servers: Vec<RedisEvidence<'_>> = repeats.iter().map(|(server, _)| *server).collect();
    let mut found: BTreeMap<FindingId, Vec<Seen>> = BTreeMap::new();
    let (mut fine, mut unknown) = (Vec::new(), Vec::new());
    for (repeat, (_, conclusions)) in repeats.into_iter().enumerate() {
        for finding in conclusions.findings {
            let seen = found.entry(finding.id.clone()).or_default();
            seen.push((repeat, finding));
        }
        fine.extend(conclusions.ruled_out);
        unknown.extend(conclusions.unknown);
    }
    let is_found = |rule: Rule| found.keys().any(|id| id.rule == rule);
    let mut told: Vec<Rule> = Vec::new();
    for question in unknown {
        if !is_found(question.rule) && !told.contains(&question.rule) {
            told.push(question.rule);
            out.unknown.push(question);
        }
    }
    for statement in fine {
        if !is_found(statement.rule) && !told.contains(&statement.rule) {
            told.push(statement.rule);
            out.ruled_out.push(statement);
        }
    }
    let joined = found.into_values();
    out.findings
        .extend(joined.filter_map(|seen| one_of(bench, &servers, seen)));
}

/// Returns the one finding that stands for those of one cause in several repeats. Repeats in which the cause is
/// only a note do not make it persistent where it is a problem in others.
fn one_of(
    bench: &BenchFacts<'_>,
    servers: &[RedisEvidence<'_>],
    mut seen: Vec<Seen>,
) -> Option<Finding> {
    let all = servers.len();
    if all < 2 {
        return seen.pop().map(|(_, finding)| finding);
    }
    let ratios: Vec<(Option<ImpactOf>, f64)> = seen.iter().map(|(_, f)| ratio(f)).collect();
    let saved = seen.iter().map(|(_, f)| f.impact.and_then(|i| i.saved_ns));
    let saved: Option<Vec<f64>> = saved.collect();
    let is_note = |(_, finding): &Seen| finding.kind == FindingKind::Information;
    if !seen.iter().all(is_note) {
        seen.retain(|one| !is_note(one));
    }
    seen.sort_by(|a, b| ratio(&a.1).1.total_cmp(&ratio(&b.1).1));
    let count = seen.len();
    if 2 * count > all {
        let operating = bench.operating_step().map(|(index, _)| index);
        let chosen = |(repeat, _): &Seen| Some(servers[*repeat].index) == operating;
        let shown = seen.iter().position(chosen).unwrap_or(count / 2);
        let (_, mut finding) = seen.swap_remove(shown);
        finding.detail += &format!(" In {count} of {all} repeats.");
        // Where a repeat ruled the cause out, what it cost there is not known.
        let saved = saved.filter(|saved| saved.len() == all);
        if let Some((impact, saved)) = finding.impact.as_mut().zip(saved) {
            impact.saved_least_ns = saved.iter().copied().reduce(f64::min);
            impact.saved_most_ns = saved.iter().copied().reduce(f64::max);
        }
        return Some(finding);
    }
    let (repeat, finding) = seen.pop()?;
    let same = ratios.iter().filter(|(of, _)| *of == ratio(&finding).0);
    let mean = same.map(|(_, ratio)| ratio).sum::<f64>() / all as f64;
    Some(episode(
        bench,
        &servers[repeat],
        finding,
        (count, all, mean),
    ))
}

/// Returns the quantity and the share of it that the cause of `finding` takes; 0 if that was not measured.
fn ratio(finding: &Finding) -> (Option<ImpactOf>, f64) {
    finding
        .impact
        .map_or((None, 0.0), |impact| (Some(impact.of), impact.ratio))
}

/// Returns the finding about a cause that `count` of `all` repeats had, the worst of them in `server`. `mean` is
/// its share over all repeats. What was counted and requests that failed stay a problem; what takes time is one if
/// it takes enough over all repeats, or if calls took longer than the objective allows.
fn episode(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    mut finding: Finding,
    (count, all, mean): (usize, usize, f64),
) -> Finding {
    finding.detail += &format!(" In {count} of {all} repeats only: an episode.");
    finding.confidence = finding.confidence.min(Confidence::Medium);
    let Some(impact) = &mut finding.impact else {
        return finding;
    };
    let is_time = impact.of != ImpactOf::Requests;
    impact.ratio = mean;
    impact.saved_ns = impact.saved_ns.map(|_| mean * server.response_ns);
    finding.detail += &format!(" Averaged over all repeats its impact is {}.", share(mean));
    finding.score = mean * finding.confidence.weight();
    if finding.kind == FindingKind::Problem && is_time {
        let longest = requests::longest_ns(server.step).zip(bench.objectives().latency);
        finding.breaks_objective = longest.is_some_and(|(ns, (_, bound))| ns as f64 > bound);
        if mean < MATTERS && !finding.breaks_objective {
            finding.kind = FindingKind::Information;
        }
    }
    finding
}
