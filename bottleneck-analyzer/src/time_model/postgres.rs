//! Time model of a call to PostgreSQL: the service time is divided by the activities of the call's session.

use bench_report::Step;
use bench_report::names;
use bench_report::names::postgres_tables::processes;

use super::phases::{mean_of, phases};
use crate::assessment::{EvidenceItem, TimeModel};
use crate::catalogue::events;
use crate::figures::share;
use crate::postgres::{PostgresEvidence, waits};
use crate::source_report::SourceReport;

/// Share of the model's whole. Waits below it are shown together as one part.
const LEAST_SHOWN: f64 = 0.005;

/// Name of the part of a call in which its session was ready to run and had no CPU.
const RUNNABLE: &str = "server_runnable";

/// Name of the part of a call in which its session showed no wait event, did not run and was not ready to.
const ASLEEP: &str = "server_asleep";

/// Number of standard deviations of the sampled mean by which sessions must exceed the kernel's counts for
/// the excess to be time asleep.
const DEVIATIONS: f64 = 3.0;

/// Part of the time model, before it is scaled and added.
struct PartDraft {
    name: String,
    title: String,
    ns: f64,
    evidence: Vec<EvidenceItem>,
}

/// Computes the model of step `index`; `None` if no call was timed and no session was sampled in
/// it.
pub(super) fn of_step(source: &SourceReport, index: usize) -> Option<TimeModel> {
    let server = PostgresEvidence::of_step(source, index)?;
    let Some(mut model) = phases(source, index) else {
        return of_sessions(&server);
    };
    let service = mean_of(source, index, "service", |o| o.service.as_ref()).0;
    let (on_cpu, cpu_evidence) = on_cpu(&server).unwrap_or_default();
    let on_cpu = on_cpu.min(service);
    let Some(mut slices) = slices(&server, on_cpu) else {
        model.add_part("server_cpu", "server on a CPU", on_cpu, cpu_evidence);
        model
            .notes
            .push("The server's sessions were not sampled: service time is not divided.".into());
        model.add_rest("service (not divided)");
        return Some(model);
    };
    model.add_part("server_cpu", "server on a CPU", on_cpu, cpu_evidence);
    // Samples of sessions and timings of calls are separate measurements. If the samples add up to more than
    // the timed calls, they are scaled down to the timings.
    let sampled: f64 = slices.iter().map(|slice| slice.ns).sum();
    let room = service - on_cpu;
    let scale = if sampled > room { room / sampled } else { 1.0 };
    if sampled - room > 0.05 * service {
        model.notes.push(format!(
            "Sessions as sampled account for {} of the service time: scaled down to it.",
            share((on_cpu + sampled) / service)
        ));
    }
    for slice in &mut slices {
        slice.ns *= scale;
    }
    let added = added_ns(&server, &slices);
    move_unseen(&server, &mut slices, room - sampled - added);
    put(&mut model, slices);
    let left = model.whole_ns - model.parts.iter().map(|part| part.ns).sum::<f64>();
    let title = "on the way to the server and back (the delay that the run adds)";
    model.add_part("network", title, added.min(left), Vec::new());
    model.add_rest("driver, network and scheduling (by subtraction)");
    Some(model)
}

/// Returns the mean time of a call, in nanoseconds, that is a network delay added by the run; 0 if
/// the run adds none. Round trips inside a transaction are left out, because their time is in the
/// part `client.idle_in_transaction`.
fn added_ns(server: &PostgresEvidence<'_>, slices: &[PartDraft]) -> f64 {
    let Some(added) = added_round_trip_ns(server.step) else {
        return 0.0;
    };
    let parts: u64 = server.step.parts.values().map(|o| o.attempted).sum();
    let calls: u64 = server.step.operations.values().map(|o| o.attempted).sum();
    let trips = (parts as f64 / calls.max(1) as f64).max(1.0);
    let between = slices
        .iter()
        .filter(|s| s.name == "client.idle_in_transaction");
    (added * trips - between.map(|s| s.ns).sum::<f64>()).max(added)
}

/// Returns the delay that the run adds to each round trip, in nanoseconds: twice the value of
/// `--network-delay`, which is for one way. `None` if it adds none.
pub(crate) fn added_round_trip_ns(step: &Step) -> Option<f64> {
    let delay = step.parameters.get("network_delay")?.to_string();
    let digits = delay.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = match &delay[digits.len()..] {
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    let each_way: f64 = digits.parse().ok()?;
    (each_way > 0.0).then_some(2.0 * each_way * unit)
}

/// Computes a model of the time of sampled sessions, for a server that was observed without timed
/// calls. `None` if no session was sampled at work.
fn of_sessions(server: &PostgresEvidence<'_>) -> Option<TimeModel> {
    let slices = slices(server, 0.0)?;
    let whole_ns: f64 = slices.iter().map(|slice| slice.ns).sum();
    if whole_ns <= 0.0 {
        return None;
    }
    let mut model = TimeModel::of_sessions(whole_ns);
    let note = "No call was timed: this is the time of the server's sessions.";
    model.notes.push(note.to_owned());
    put(&mut model, slices);
    Some(model)
}

/// Adds the parts to the model, the longest first; waits below half a per cent of the whole become
/// one part, `small_waits`.
fn put(model: &mut TimeModel, mut slices: Vec<PartDraft>) {
    slices.sort_by(|a, b| b.ns.total_cmp(&a.ns));
    let least = LEAST_SHOWN * model.whole_ns;
    let (shown, small): (Vec<PartDraft>, Vec<PartDraft>) =
        slices.into_iter().partition(|s| s.ns >= least);
    for slice in shown {
        model.add_part(&slice.name, &slice.title, slice.ns, slice.evidence);
    }
    let ns: f64 = small.iter().map(|s| s.ns).sum();
    let evidence = small.into_iter().flat_map(|s| s.evidence).collect();
    model.add_part("small_waits", "other waits, each below 1 %", ns, evidence);
}

/// Returns the time that a call spends in each sampled state: sessions ÷ calls per second (Little's
/// law). The state without a wait event is shortened by the CPU time `on_cpu`, in nanoseconds per
/// call. `None` if sessions were not sampled.
fn slices(server: &PostgresEvidence<'_>, on_cpu: f64) -> Option<Vec<PartDraft>> {
    let calls = Some(server.calls_per_s())
        .filter(|x| *x > 0.0)
        .unwrap_or(1.0);
    let per_call = |sessions: f64| sessions / calls * 1e9;
    let mut found = Vec::new();
    let sampled = server.figure(names::postgres::SESSIONS_CPU_MEAN)?;
    let no_event = (per_call(sampled) - on_cpu).max(0.0);
    let asleep = asleep_ns(server, no_event, on_cpu, per_call(1.0));
    let evidence: Vec<EvidenceItem> = server
        .evidence(names::postgres::SESSIONS_CPU_MEAN)
        .into_iter()
        .collect();
    found.push(without_event(
        server,
        no_event - asleep,
        on_cpu,
        evidence.clone(),
    ));
    let mut waits = waits::sampled_waits(server)?;
    waits.sort_by(|a, b| b.sessions.total_cmp(&a.sessions));
    for wait in waits {
        let (title, ns) = (wait.part(), per_call(wait.sessions));
        // Events with the same title become one part, which has the name of the most frequent event.
        if let Some(same) = found
            .iter_mut()
            .find(|slice: &&mut PartDraft| slice.title == title)
        {
            same.ns += ns;
            same.evidence.extend(wait.evidence);
            continue;
        }
        found.push(PartDraft {
            title,
            ns,
            evidence: wait.evidence.into_iter().collect(),
            name: wait.key,
        });
    }
    add_asleep(server, &mut found, asleep, evidence);
    found.retain(|slice| slice.ns > 0.0);
    Some(found)
}

/// Returns the time of a call, in nanoseconds, in which its session showed no wait event, did not run and was
/// not ready to, out of the time `no_event` without an event and beside the CPU time `on_cpu`. Returns 0 if
/// the kernel's counts are not known, or if the error of the samples explains the time: of `n` samples with
/// a mean of `m` sessions, √(m ÷ n) sessions (Poisson), each worth `session_ns` of a call.
fn asleep_ns(server: &PostgresEvidence<'_>, no_event: f64, on_cpu: f64, session_ns: f64) -> f64 {
    let counted = server
        .ready_ns()
        .zip(server.figure(names::postgres::SESSIONS_SAMPLES));
    let Some((ready, samples)) = counted.filter(|_| on_cpu > 0.0) else {
        return 0.0;
    };
    let sessions = (no_event + on_cpu) / session_ns;
    let error = DEVIATIONS * (sessions / samples.max(1.0)).sqrt() * session_ns;
    let asleep = (no_event - ready).max(0.0);
    if asleep > error { asleep } else { 0.0 }
}

/// Adds the time asleep, `ns` nanoseconds of a call. If the server delays its flushes (`commit_delay`), the
/// session that flushes sleeps without a wait event, so the time belongs to the commits that wait.
fn add_asleep(
    server: &PostgresEvidence<'_>,
    found: &mut Vec<PartDraft>,
    ns: f64,
    evidence: Vec<EvidenceItem>,
) {
    let is_delayed = server.setting("commit_delay").is_some_and(|us| us > 0.0);
    let committing = events::find("io.walsync").map(|event| event.part.as_str());
    let commits = found
        .iter_mut()
        .find(|slice| is_delayed && Some(slice.title.as_str()) == committing);
    if let Some(commits) = commits {
        commits.ns += ns;
        return;
    }
    found.push(PartDraft {
        name: ASLEEP.to_owned(),
        title: "server asleep without a wait event".to_owned(),
        ns,
        evidence,
    });
}

/// Moves time in which sessions were ready to run, but which no sample shows, to the part `server_runnable`.
/// The kernel counts such time. Samples miss it for three reasons: a woken session shows its last wait event
/// until it has a CPU, a session that has not read its message shows as idle, and a server whose processes
/// are stopped takes no samples. The time is taken from `rest`, which no sample explains; what exceeds `rest`
/// is taken from the waits.
fn move_unseen(server: &PostgresEvidence<'_>, slices: &mut Vec<PartDraft>, rest: f64) {
    let is_runnable = |slice: &PartDraft| slice.name == RUNNABLE;
    let seen: f64 = slices.iter().filter(|s| is_runnable(s)).map(|s| s.ns).sum();
    let all: f64 = slices.iter().map(|slice| slice.ns).sum();
    let (waits, rest) = (all - seen, rest.max(0.0));
    let Some(ready) = server.ready_ns().filter(|ready| *ready > seen) else {
        return;
    };
    let unseen = (ready - seen).min(waits + rest);
    let of_waits = (unseen - rest).max(0.0);
    for slice in slices.iter_mut().filter(|s| !is_runnable(s)) {
        slice.ns *= 1.0 - of_waits / waits.max(f64::MIN_POSITIVE);
    }
    let evidence = server.evidence(names::postgres::SERVER_LOAD_READY_NS);
    if !slices.iter().any(is_runnable) {
        slices.push(without_event(server, 0.0, 1.0, Vec::new()));
    }
    for slice in slices.iter_mut().filter(|s| is_runnable(s)) {
        slice.ns += unseen;
        slice.evidence.extend(evidence.clone());
    }
}

/// Creates the part for sessions without a wait event, `ns` nanoseconds long. If their CPU time
/// `on_cpu` is known (positive), they only wait for a CPU; otherwise they run on one or wait for
/// one.
fn without_event(
    server: &PostgresEvidence<'_>,
    ns: f64,
    on_cpu: f64,
    evidence: Vec<EvidenceItem>,
) -> PartDraft {
    let (name, title) = if on_cpu <= 0.0 {
        ("server_cpu", "server on, or waiting for, a CPU")
    } else if server
        .figure(names::postgres::SERVER_LOAD_READY_NS)
        .is_some()
    {
        (
            RUNNABLE,
            "server waiting for a CPU, or held up without an event",
        )
    } else {
        (RUNNABLE, "server waiting for a CPU")
    };
    PartDraft {
        name: name.to_owned(),
        title: title.to_owned(),
        ns,
        evidence,
    }
}

/// Returns the CPU time of the session that serves a call, in nanoseconds, as counted by the kernel, with its
/// evidence; `None` if it is not known. It includes reading and parsing, in which a session does not yet show
/// as active. Where the time of the load's sessions was not counted, that of the whole server stands for it,
/// unless parallel workers were seen: most of it may be theirs.
fn on_cpu(server: &PostgresEvidence<'_>) -> Option<(f64, Vec<EvidenceItem>)> {
    let of = |name| Some((name, server.without_workers(name, processes::CPU_NS)?));
    let of_server = || of(names::postgres::SERVER_CPU_NS).filter(|_| !server.has_workers());
    let (name, ns) = of(names::postgres::SERVER_LOAD_CPU_NS).or_else(of_server)?;
    Some((ns, server.evidence(name).into_iter().collect()))
}
