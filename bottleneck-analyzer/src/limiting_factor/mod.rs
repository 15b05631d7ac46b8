//! Limiting factor of a component: the resource whose throughput bound explains the measured throughput. If
//! no bound does, the answer is `inconclusive`; it names the nearest bounds and the measurement that would
//! settle the question.

mod answer;
mod bench;
mod doubts;
mod machine;
mod websocket;

pub(crate) use bench::of_bench;
pub(crate) use machine::of_machine;
