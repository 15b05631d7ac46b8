//! Wording of the use of resources and of the scalability for a terminal.

use crate::assessment::{ComponentAssessment, ResourceUse};

/// Describes the resources of which something is known, as in `pool of 8 connections 62 % in use: 5 of 8
/// connections, 0 calls waited for a connection on average`, and names the others. `None` without resources.
pub(super) fn sentence(component: &ComponentAssessment) -> Option<String> {
    let is_told =
        |resource: &&ResourceUse| resource.utilisation.is_known() || resource.saturation.is_known();
    let told = component.resources.iter().filter(is_told);
    let mut told: Vec<String> = told.map(of_one).collect();
    let others = component.resources.iter().filter(|r| !is_told(r));
    let others: Vec<String> = others.map(ResourceUse::title).collect();
    if !others.is_empty() {
        told.push(format!(
            "not known of {} (the page says why)",
            others.join(", ")
        ));
    }
    (!told.is_empty()).then(|| told.join("; "))
}

/// Describes one resource: what is known of utilisation and saturation, and errors if there were any.
fn of_one(resource: &ResourceUse) -> String {
    let cells = [&resource.utilisation, &resource.saturation];
    let known = cells.into_iter().filter(|cell| cell.is_known());
    let failed = Some(&resource.errors).filter(|cell| cell.value.is_some_and(|value| value > 0.0));
    let told: Vec<&str> = known
        .chain(failed)
        .map(|cell| cell.shown.as_str())
        .collect();
    format!("{} {}", resource.title(), told.join(", "))
}

/// Returns the headroom, and the scalability law in words.
pub(super) fn scalability(component: &ComponentAssessment) -> Vec<(&'static str, &str)> {
    let Some(found) = &component.scalability else {
        return Vec::new();
    };
    let headroom = found.headroom.as_ref().map_or(
        "not known: no setting from the operating point on keeps the objectives",
        |headroom| headroom.shown.as_str(),
    );
    vec![("headroom", headroom), ("scaling", &found.law_shown)]
}
