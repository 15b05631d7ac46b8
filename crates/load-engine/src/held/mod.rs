//! Load of held connections: many connections stay open, and exchange messages now and then.

mod connection_attempt;
pub(crate) mod connection_factory;
pub(crate) mod connection_handle;
pub(crate) mod connection_task;
pub(crate) mod held_load;
pub(crate) mod held_step;
pub(crate) mod held_step_load;
pub(crate) mod held_worker;
mod lazy_timer;
pub(crate) mod message_counts;
mod message_window;
mod talk;
pub(crate) mod talk_schedule;
mod traffic_meter;
