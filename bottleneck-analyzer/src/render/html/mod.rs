//! The assessment as one offline page: styles, script, charts and data in one file.

mod charts;
mod data;
mod page;
mod sections;
mod time_charts;

pub use page::page;
