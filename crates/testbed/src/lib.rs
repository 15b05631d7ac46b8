//! Throwaway servers and a faulty network, for tests and for runs without a server at hand.
//!
//! Only figures from a real server are worth anything, but nobody sets up a real server for a first
//! look. This crate therefore starts one: on a free port of the loopback interface, in a private
//! temporary directory, with passwords that no process list shows. The server ends when its guard
//! is dropped, and also when the process with the guard is killed.
//!
//! All functions block; callers need no async runtime.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod credentials;
mod error;
mod find;
mod guardian;
mod link_rate;
mod postgres;
mod process;
mod proxy;
mod redis;
mod server;
mod server_directory;
mod server_user;
mod shared_memory;
pub mod token;
mod websocket;

pub use error::TestbedError;
pub use find::{find_postgres, find_redis};
pub use postgres::{Postgres, PostgresOptions};
pub use proxy::{Faults, Proxy};
pub use redis::{Redis, RedisCluster, RedisOptions, RedisSentinel, RedisUser, TlsFiles};
pub use websocket::WebSocketServer;
