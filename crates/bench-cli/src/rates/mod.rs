//! Search for the highest rate of arrivals that keeps its bounds.

pub(crate) mod find_rate;
pub(crate) mod rate_finder;
pub(crate) mod rate_search;
pub(crate) mod rate_text;
pub(crate) mod rate_verdict;
