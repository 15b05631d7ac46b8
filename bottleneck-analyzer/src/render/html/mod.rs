//! HTML page of the assessment: one file with styles, script and data that works offline.

mod all_figures;
mod charts;
mod data;
mod page;
mod resources;
mod search_charts;
mod sections;
mod time_charts;
mod time_models;

pub(crate) use page::page;
