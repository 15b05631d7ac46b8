//! Connects [`tokio_postgres`] as libpq connects: URLs and keyword strings, `PG*` variables, the
//! password file, TLS by `sslmode` with certificates and channel binding, several hosts,
//! `target_session_attrs`, session options. Parameters that cannot be followed are refused by name
//! instead of being dropped.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use pg_connect::Address;
//!
//! let address = Address::parse("postgres://app@db1,db2/shop?target_session_attrs=read-write")?;
//! let client = address.connect("my application").await?;
//! let version: String = client.query_one("SHOW server_version", &[]).await?.get(0);
//! println!("{} runs PostgreSQL {version}", address.redacted());
//! # Ok(())
//! # }
//! ```
//!
//! The first connection settles the server and whether TLS is spoken; all later ones of the same
//! [`Address`] follow it, as do the settings for other drivers ([`Address::config`],
//! [`Address::tls`], and with the feature `sqlx` `Address::sqlx`). Passwords show neither in
//! `Debug` output nor in errors.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod address;
mod candidates;
mod causes;
mod certificate_verifier;
mod conninfo;
mod display;
mod endpoint;
mod environment;
mod error;
mod login;
mod parameters;
mod password;
mod password_file;
mod pem;
mod route;
mod session_settings;
#[cfg(feature = "sqlx")]
mod sqlx;
mod tls;
mod tls_mode;
mod tls_stream;
mod unsupported;

pub use address::Address;
pub use causes::{certificate_problem, error_chain, find_cause, is_tls_error};
pub use error::{AddressError, ConnectError};
pub use tls_stream::{PgTlsStream, RustlsConnector, TlsHandshake};
