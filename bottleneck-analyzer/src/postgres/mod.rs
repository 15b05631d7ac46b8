//! Evidence about PostgreSQL in a step: figures, tables, waits, lock holders and other applications.

mod background_work;
mod connection_limits;
mod evidence;
mod lock_holders;
mod operating_step;
mod other_application;
mod settings;
pub(crate) mod waits;

pub(crate) use background_work::{BackgroundWork, CallsBeside};
pub(crate) use connection_limits::{ConnectionLimits, CountedLimit, LimitedThing};
pub(crate) use evidence::{CitedRow, PAGE_BYTES, PostgresEvidence};
pub(crate) use lock_holders::LockHolders;
pub(crate) use other_application::OtherApplication;
pub(crate) use settings::{Setting, named_settings};
