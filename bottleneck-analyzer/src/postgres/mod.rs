//! Evidence about PostgreSQL in a step: figures, tables, waits, lock holders and other applications.

mod evidence;
mod lock_holders;
mod other_application;
pub(crate) mod waits;

pub(crate) use evidence::{CitedRow, PostgresEvidence};
pub(crate) use lock_holders::LockHolders;
pub(crate) use other_application::OtherApplication;
