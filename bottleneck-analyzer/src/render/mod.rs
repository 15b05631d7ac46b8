//! Output of an assessment for people: terminal text and an HTML page.

pub mod html;
mod operating_point;
pub mod terminal;
mod wrap;
