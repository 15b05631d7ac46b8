//! Output of an assessment for people: terminal text and an HTML page.

mod excerpt;
pub(crate) mod html;
mod impact;
mod operating_point;
mod resources;
pub(crate) mod terminal;
mod wrap;
