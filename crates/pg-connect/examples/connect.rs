//! Connects to an address and prints the server's version, the TLS in use and the chosen server.
//!
//! `cargo run -p pg-connect --example connect -- 'postgres://app@db1,db2/shop'`

use std::io::{Write as _, stdout};

use anyhow::{Context as _, Result};
use pg_connect::{Address, error_chain};

/// Query for the TLS version and cipher of this connection, which returns no row without TLS.
const TLS: &str =
    "SELECT version || ' ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let text = std::env::args().nth(1).context("name an address")?;
    let address = Address::parse(&text)?;
    let connected = address.connect("pg-connect example").await;
    let client = connected.map_err(|error| {
        let note = address.password_file_note().unwrap_or_default();
        anyhow::anyhow!("{}: {} {note}", address.redacted(), error_chain(&error))
    })?;

    let version: String = client.query_one("SHOW server_version", &[]).await?.get(0);
    let tls = client.query_opt(TLS, &[]).await?;
    let tls = tls.map_or_else(|| "none".to_owned(), |row| row.get(0));
    let (host, port) = address.host_and_port();
    let mut out = stdout().lock();
    writeln!(out, "address: {}", address.redacted())?;
    writeln!(out, "server:  {host}, port {port}")?;
    writeln!(out, "login:   {} to {}", address.user(), address.database())?;
    writeln!(out, "version: {version}")?;
    writeln!(out, "tls:     {tls}")?;
    Ok(())
}
