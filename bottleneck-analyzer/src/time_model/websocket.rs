//! Time model of opening a WebSocket connection.

use bench_report::Step;

use crate::assessment::TimeModel;
use crate::json_pointer::escape;
use crate::source_report::SourceReport;

/// Computes the model from the medians of the phases, which add up only approximately. `None` if no
/// connection was timed or the report has no phases.
pub(super) fn model(source: &SourceReport, index: usize, step: &Step) -> Option<TimeModel> {
    let connect = step.operations.get("connect")?;
    let (field, histogram) = crate::requests::latency(connect)?;
    let of = format!("median {field} time of establishing a connection");
    let mut model = TimeModel::new(of, histogram.percentiles_ns.p50 as f64);
    let note = "Phases are medians, which add up only nearly.";
    model.notes.push(note.to_owned());
    for (figure, value) in &step.figures {
        let Some(phase) = figure
            .strip_prefix("connect.")
            .and_then(|rest| rest.strip_suffix("_p50_ns"))
        else {
            continue;
        };
        let pointer = format!("/steps/{index}/figures/{}", escape(figure));
        let evidence = source.evidence(figure.as_str(), &pointer);
        let left = model.whole_ns - model.parts.iter().map(|p| p.ns).sum::<f64>();
        let title = match phase {
            "tcp" => "TCP handshake",
            "tls" => "TLS handshake",
            "upgrade" => "WebSocket upgrade",
            other => other,
        };
        model.add_part(
            phase,
            title,
            value.min(left),
            evidence.into_iter().collect(),
        );
    }
    if model.parts.is_empty() {
        return None;
    }
    model.add_rest("queue and client (by subtraction)");
    Some(model)
}
