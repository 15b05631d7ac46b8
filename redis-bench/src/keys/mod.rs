//! Keys of a run: their names, their popularity, their lives, and their removal.

pub(crate) mod expiry;
pub(crate) mod key_connection;
pub(crate) mod key_count;
pub(crate) mod key_popularity;
pub(crate) mod key_removal;
pub(crate) mod key_skew;
pub(crate) mod removal_command;
pub(crate) mod run_keys;
pub(crate) mod run_removal;
pub(crate) mod safety_ttl;
pub(crate) mod steady_state;
pub(crate) mod value_sizes;
