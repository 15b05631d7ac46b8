//! Evidence of PostgreSQL about a step: figures, tables, and waits by event.

mod applications;
mod holders;
mod view;
pub(crate) mod waits;

pub(crate) use applications::OtherApplication;
pub(crate) use holders::LockHolders;
pub(crate) use view::{CitedRow, PostgresEvidence};
