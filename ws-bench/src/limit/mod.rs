//! Scenario `limit`: finds the number of connections that a server holds, and the owner of the limit.

pub(crate) mod limit_run;
pub(crate) mod limit_text;
pub(crate) mod search;
pub(crate) mod settings;
pub(crate) mod step_runner;
pub(crate) mod verdict;
