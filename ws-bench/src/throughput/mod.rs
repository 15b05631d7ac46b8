//! Scenario `throughput`: messages per second and their round trips on a fixed number of connections.

pub(crate) mod throughput_run;
pub(crate) mod throughput_step;
pub(crate) mod throughput_text;
