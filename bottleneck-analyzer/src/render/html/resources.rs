//! Section with the use of resources at each operating point, and with the scalability.

use maud::{Markup, html};

use crate::assessment::{Assessment, ComponentAssessment, UseCell};
use crate::render::resources;
use crate::render::terminal;

/// Returns the section; a table for each component that has an operating point.
pub(super) fn section(assessment: &Assessment) -> Markup {
    let components = || {
        assessment
            .components
            .iter()
            .filter(|c| !c.resources.is_empty())
    };
    html! {
        section #resources {
            h2 { "Resources" }
            @if components().next().is_none() { p { "None: no setting was held under a load of ours." } }
            @else { p.quiet { "At each operating point: how much of a resource was in use, what waited for it, and its errors (the USE method). What is not known says why." } }
            @for component in components() {
                h3 { (terminal::name_of(component, assessment)) }
                (table(component))
                @for (what, sentence) in resources::scalability(component) { p { b { (what) ": " } (sentence) } }
            }
        }
    }
}

fn table(component: &ComponentAssessment) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th scope="col" { "Resource" } th scope="col" { "Utilisation" } th scope="col" { "Saturation" } th scope="col" { "Errors" } } }
            tbody { @for resource in &component.resources { tr {
                td { (resource.title()) }
                @for cell in resource.cells() { (shown(cell)) }
            } } }
        } }
    }
}

fn shown(cell: &UseCell) -> Markup {
    html! {
        @if cell.is_known() {
            td { (cell.shown) @if cell.evidence.iter().any(|e| e.spoiled) { " " span.doubt { "doubtful" } } }
        } @else {
            td.open { (cell.shown) }
        }
    }
}
