//! Evidence of PostgreSQL about a step: figures, tables, and waits by event.

mod evidence;
mod lock_holders;
mod other_application;
pub(crate) mod waits;

pub(crate) use evidence::{CitedRow, PostgresEvidence};
pub(crate) use lock_holders::LockHolders;
pub(crate) use other_application::OtherApplication;
