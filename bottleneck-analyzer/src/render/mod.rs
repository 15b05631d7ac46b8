//! An assessment as people read it.

pub mod html;
pub mod terminal;
mod wrap;
