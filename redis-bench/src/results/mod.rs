//! Results of a run: groups of steps, the recommendation, the summary and its text.

mod advice;
pub(crate) mod group;
mod limit_sentence;
mod load_text;
mod segment_table;
mod sizes;
pub(crate) mod summary;
pub(crate) mod troubles;
