//! Evidence of PostgreSQL about a step: figures, tables, and waits by event.

mod applications;
mod holders;
mod view;
pub(crate) mod waits;

pub(crate) use applications::Application;
pub(crate) use holders::Holders;
pub(crate) use view::{Row, View};
