//! Limiting factor of a component: the resource whose throughput bound explains the measured throughput.
//! If none does, the answer is `inconclusive` with the nearest ones and the measurement that would
//! settle it.

mod answer;
mod bench;
mod machine;
mod websocket;

pub(crate) use bench::of_bench;
pub(crate) use machine::of_machine;
