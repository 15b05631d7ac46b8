//! Parts of a report about the whole run.

pub(crate) mod environment;
pub(crate) mod found_rate;
pub(crate) mod mark;
pub(crate) mod report;
pub(crate) mod series;
pub(crate) mod summary;
pub(crate) mod warning;
