//! Section of the page about where the time of a call goes.

use maud::{Markup, html};

use crate::assessment::{Assessment, TailModel, TimeModel};
use crate::figures::{duration_ns, share};

/// Returns a table of the phases of a call at the median and in the tail, with what it proves.
fn phases_of(tail: &TailModel) -> Markup {
    html! {
        p { (tail.statement) }
        div.scroll { table {
            thead { tr { th scope="col" { "Phase of " (tail.operation) } th scope="col" { "Median" } th scope="col" { "p99" } } }
            tbody {
                @for phase in &tail.phases { tr { td { (phase.name.replace('_', " ")) } td.number { (duration_ns(phase.median_ns)) } td.number { (duration_ns(phase.p99_ns)) } } }
                tr { td { "the whole (not the sum)" } td.number { (duration_ns(tail.median_ns)) } td.number { (duration_ns(tail.p99_ns)) } }
            }
        } }
    }
}

pub(super) fn time_models(assessment: &Assessment) -> Markup {
    let models = assessment
        .components
        .iter()
        .filter_map(|c| Some((c, c.time_model.as_ref()?)));
    html! {
        section #time-models {
            h2 { "Where the time of a call goes" }
            p.quiet { "At each operating point. Parts add up to the whole." }
            @for (component, model) in models {
                h3 { (component.component.title()) " " span.quiet { (component.scenario) ", " (model.of) " " (duration_ns(model.whole_ns)) } @if model.is_doubtful() { " " span.doubt { "doubtful" } } }
                (stacked(model))
                @if let Some(tail) = &model.tail { (phases_of(tail)) }
            }
        }
    }
}

fn stacked(model: &TimeModel) -> Markup {
    html! {
        div.stack aria-hidden="true" {
            @for (i, part) in model.parts.iter().enumerate() {
                span class={ "c" (i % 8) } style={ "flex-grow:" (format!("{:.4}", part.share_ratio)) } title=(part.title) {}
            }
        }
        ul.legend {
            @for (i, part) in model.parts.iter().enumerate() {
                li { span class={ "swatch c" (i % 8) } {} (part.title) ": " b { (share(part.share_ratio)) } " (" (duration_ns(part.ns)) ")" }
            }
        }
        @for note in &model.notes { p.quiet { (note) } }
    }
}
