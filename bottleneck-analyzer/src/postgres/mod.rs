//! What PostgreSQL said of a step: figures, tables, and waits by event.

mod holders;
mod view;
pub(crate) mod waits;

pub(crate) use holders::Holders;
pub(crate) use view::{Row, View};
