//! Limit that holds a component at its knee: the demand whose bound explains the throughput that
//! was measured. Where none does, the answer is 'not known' with the nearest ones and the
//! measurement that would tell.

mod answer;
mod bench;
mod machine;
mod websocket;

pub(crate) use bench::of_bench;
pub(crate) use machine::of_machine;
