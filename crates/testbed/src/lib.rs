//! Throwaway servers and a faulty network, for tests and for runs without a server at hand.
//!
//! A figure is only worth something when it came from a real server, and nobody starts a real
//! server for a first look. So this crate starts one: on a free port of the loopback, in a private
//! temporary directory, with passwords that no process list shows. It ends with its guard, and
//! also when the process that holds the guard is killed.
//!
//! Everything here blocks; the caller needs no async runtime.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod credentials;
mod error;
mod find;
mod guardian;
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
pub use redis::{Redis, RedisOptions};
pub use websocket::WebSocketServer;
