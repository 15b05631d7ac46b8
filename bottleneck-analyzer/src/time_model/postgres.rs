//! A call to PostgreSQL: its service time divided by what its session did on the server.

use bench_report::Step;

use super::{TimeModel, mean_of, phases};
use crate::assessment::Evidence;
use crate::figures::share;
use crate::postgres::{View, waits};
use crate::source::Source;

/// Parts below this share of the whole are shown together, as their class.
const LEAST_SHOWN: f64 = 0.005;

/// One part in the making.
struct Slice {
    name: String,
    title: String,
    ns: f64,
    evidence: Vec<Evidence>,
}

/// The model of a step; `None` where nothing was done in it.
pub(super) fn of_step(source: &Source, index: usize) -> Option<TimeModel> {
    let view = View::of(source, index)?;
    let Some(mut model) = phases(source, index) else {
        return of_sessions(&view);
    };
    let service = mean_of(source, index, "service", |o| o.service.as_ref()).0;
    let (on_cpu, cpu_evidence) = on_cpu(&view).unwrap_or_default();
    let on_cpu = on_cpu.min(service);
    let Some(slices) = slices(&view, on_cpu) else {
        model.add("server_cpu", "server on a CPU", on_cpu, cpu_evidence);
        model
            .notes
            .push("The server's sessions were not sampled: service time is not divided.".into());
        model.rest("service (not divided)");
        return Some(model);
    };
    model.add("server_cpu", "server on a CPU", on_cpu, cpu_evidence);
    // Samples of sessions and timings of calls are separate measurements; where they disagree
    // the timings hold and the sampled shares are kept.
    let sampled: f64 = slices.iter().map(|slice| slice.ns).sum();
    let room = service - on_cpu;
    let scale = if sampled > room { room / sampled } else { 1.0 };
    if sampled - room > 0.05 * service {
        model.notes.push(format!(
            "Sessions as sampled account for {} of the service time: scaled down to it.",
            share((on_cpu + sampled) / service)
        ));
    }
    put(&mut model, slices, scale);
    let added = added_round_trip_ns(view.step).unwrap_or(0.0);
    let left = model.whole_ns - model.parts.iter().map(|part| part.ns).sum::<f64>();
    let title = "on the way to the server and back (the delay that the run adds)";
    model.add("network", title, added.min(left), Vec::new());
    model.rest("driver, network and scheduling (by subtraction)");
    Some(model)
}

/// The round trip that the run itself made longer, as in `--network-delay 2ms`: each way takes that.
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

/// A server that was only watched: nobody timed its calls, but its sessions were sampled.
fn of_sessions(view: &View<'_>) -> Option<TimeModel> {
    let slices = slices(view, 0.0)?;
    let whole_ns: f64 = slices.iter().map(|slice| slice.ns).sum();
    if whole_ns <= 0.0 {
        return None;
    }
    let mut model = TimeModel {
        of: super::OF_SESSIONS.to_owned(),
        whole_ns,
        parts: Vec::new(),
        notes: vec!["No call was timed: this is the time of the server's sessions.".into()],
    };
    put(&mut model, slices, 1.0);
    Some(model)
}

fn put(model: &mut TimeModel, mut slices: Vec<Slice>, scale: f64) {
    slices.sort_by(|a, b| b.ns.total_cmp(&a.ns));
    let least = LEAST_SHOWN * model.whole_ns;
    let (shown, small): (Vec<Slice>, Vec<Slice>) =
        slices.into_iter().partition(|s| s.ns * scale >= least);
    for slice in shown {
        model.add(&slice.name, &slice.title, slice.ns * scale, slice.evidence);
    }
    let ns: f64 = small.iter().map(|s| s.ns * scale).sum();
    let evidence = small.into_iter().flat_map(|s| s.evidence).collect();
    model.add("small_waits", "other waits, each below 1 %", ns, evidence);
}

/// What sessions did besides running: by Little's law, sessions ÷ calls per second is the time of
/// each call; `None` where they were not sampled.
fn slices(view: &View<'_>, on_cpu: f64) -> Option<Vec<Slice>> {
    let calls = Some(view.calls_per_s()).filter(|x| *x > 0.0).unwrap_or(1.0);
    let per_call = |sessions: f64| sessions / calls * 1e9;
    let mut found = Vec::new();
    let no_event = per_call(view.figure("sessions.cpu_mean")?) - on_cpu;
    let evidence = view.evidence("sessions.cpu_mean").into_iter().collect();
    found.push(without_event(view, no_event.max(0.0), on_cpu, evidence));
    let mut waits = waits::of(view)?;
    waits.sort_by(|a, b| b.sessions.total_cmp(&a.sessions));
    for wait in waits {
        let (title, ns) = (wait.part(), per_call(wait.sessions));
        // Events of one kind are one part, under the name of the largest.
        if let Some(same) = found
            .iter_mut()
            .find(|slice: &&mut Slice| slice.title == title)
        {
            same.ns += ns;
            same.evidence.extend(wait.evidence);
            continue;
        }
        found.push(Slice {
            title,
            ns,
            evidence: wait.evidence.into_iter().collect(),
            name: wait.key,
        });
    }
    found.retain(|slice| slice.ns > 0.0);
    Some(found)
}

/// Sessions that wait for nothing either run or wait for a CPU.
fn without_event(view: &View<'_>, ns: f64, on_cpu: f64, evidence: Vec<Evidence>) -> Slice {
    let (name, title) = if on_cpu <= 0.0 {
        ("server_cpu", "server on, or waiting for, a CPU")
    } else if view.figure("server.load_ready_ns").is_some() {
        (
            "server_runnable",
            "server waiting for a CPU, or held up without an event",
        )
    } else {
        ("server_runnable", "server waiting for a CPU")
    };
    Slice {
        name: name.to_owned(),
        title: title.to_owned(),
        ns,
        evidence,
    }
}

/// CPU time of the server for each call, as the kernel counted it: it holds the parts of a
/// request, like reading and parsing it, during which a session does not show as active.
fn on_cpu(view: &View<'_>) -> Option<(f64, Vec<Evidence>)> {
    let calls: u64 = view.step.operations.values().map(|o| o.attempted).sum();
    let names = ["server.load_cpu_ns", "server.cpu_ns"];
    let (name, cpu_ns) = names
        .into_iter()
        .find_map(|name| Some((name, view.figure(name)?)))?;
    let evidence = view.evidence(name).into_iter().collect();
    (calls > 0).then(|| (cpu_ns / calls as f64, evidence))
}
