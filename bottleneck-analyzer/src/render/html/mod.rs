//! HTML page of the assessment: one file with styles, script and data that works offline.

mod charts;
mod data;
mod page;
mod resources;
mod search_charts;
mod sections;
mod time_charts;

pub(crate) use page::page;
