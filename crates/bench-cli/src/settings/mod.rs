//! Settings that a scenario compares: the results of each, and the recommended one.

mod recommendation;
mod results;

pub use recommendation::{headline, interval, recommend};
pub use results::{SettingResults, carries_its_rate, errors_by_kind, merge_recordings, whole};
