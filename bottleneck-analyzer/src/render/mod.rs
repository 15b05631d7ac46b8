//! Output of an assessment for people: terminal text and an HTML page.

pub mod html;
pub mod terminal;
mod wrap;
