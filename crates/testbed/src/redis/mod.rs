//! Throwaway Redis (or Valkey) servers, started for a test or a run and removed afterwards.

mod cluster;
mod control;
mod options;
mod process;
mod sentinel;
mod single;

pub use cluster::RedisCluster;
pub use options::{RedisOptions, RedisUser, TlsFiles};
pub use sentinel::RedisSentinel;
pub use single::Redis;
