//! Rule `autovacuum`: calls that take longer while autovacuum works.
//!
//! Fires if autovacuum worked in the measured part and that takes a tenth of the service time. Reads the table
//! `background_work` and the throughput by interval. The cost is the mean time of all calls less that of the
//! calls at times without autovacuum (Little's law).

use crate::assessment::{Confidence, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{duration_ns, share};
use crate::own_time::CausePart;
use crate::postgres::{BackgroundWork, CallsBeside};
use bench_report::names;

const RULE: Rule = Rule::Autovacuum;
/// Smallest share of the measured part in which autovacuum must work to matter if its cost is not known.
const LEAST_RATIO: f64 = 0.20;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let Some(work) = BackgroundWork::of(&repeat.server, "autovacuum worker") else {
        return vec![CheckResult::Unknown(
            RULE,
            "whether autovacuum slows calls down: the server's background processes were not sampled"
                .to_owned(),
            "a role that may read pg_stat_activity (pg_read_all_stats)".to_owned(),
        )];
    };
    let ratio = share(work.ratio());
    if work.times() == 0 {
        let statement = "autovacuum did not work".to_owned();
        let evidence = repeat
            .server
            .evidence(names::postgres::SESSIONS_SAMPLES)
            .into_iter();
        return vec![CheckResult::Fine(RULE, statement, evidence.collect())];
    }
    if let Some(calls) = work.compare_calls() {
        return vec![CheckResult::Cost(cost(repeat, &work, calls))];
    }
    let what = work.mostly();
    if work.ratio() < LEAST_RATIO {
        let statement = format!("autovacuum ({what}) worked for {ratio} of the measured time");
        return vec![CheckResult::Fine(RULE, statement, work.evidence())];
    }
    vec![CheckResult::Unknown(
        RULE,
        format!(
            "what autovacuum ({what}) costs: it worked for {ratio} of the measured time, so that calls \
             cannot be compared"
        ),
        "the same load after VACUUM (ANALYZE) of its tables".to_owned(),
    )]
}

fn cost(repeat: &RepeatFacts<'_, '_>, work: &BackgroundWork<'_>, calls: CallsBeside) -> CauseCost {
    let what = work.mostly().to_owned();
    let of_service = repeat.model.served_ns() / repeat.model.whole_ns.max(1.0);
    let mut evidence = work.evidence();
    let computed = calls.computed();
    evidence.extend(calls.evidence);
    CauseCost {
        rule: RULE,
        key: vec![CausePart::thing("autovacuum")],
        thing: format!("autovacuum ({what})"),
        own_ns: calls.lost_ns * of_service,
        least: 0.10,
        avoidable: true,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed,
        title: format!("Calls take longer while autovacuum works ({what})"),
        detail: format!(
            "It worked for {} of the measured time. Meanwhile a call took {}, and {} at other times.",
            share(work.ratio()),
            duration_ns(calls.during_ns),
            duration_ns(calls.outside_ns)
        ),
        evidence,
        actions: vec![
            "VACUUM (ANALYZE) the tables before the load".to_owned(),
            "let it work more slowly: a larger autovacuum_vacuum_cost_delay, or a smaller \
             autovacuum_vacuum_cost_limit"
                .to_owned(),
            "never switch it off: dead rows cost more".to_owned(),
        ],
        rationale: "it reads and writes the same tables on the same disk".to_owned(),
        restart: false,
    }
}
