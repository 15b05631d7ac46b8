//! Settings for the driver sqlx: the same server, login and TLS as for tokio-postgres.

use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio_postgres::config::SslMode;

use crate::address::Address;
use crate::candidates::Candidate;
use crate::login::Login;
use crate::password::Password;
use crate::tls::TlsSettings;
use crate::tls_mode::TlsMode;

impl Address {
    /// Returns settings for sqlx, with `application` as the name of the application. Each new
    /// session must first execute [`Address::sqlx_statements`].
    pub fn sqlx(&self, application: &str) -> PgConnectOptions {
        let candidate = self.route.candidate();
        let options = connect_options(&self.login, candidate, application);
        with_tls(options, &self.tls, candidate.sslmode)
    }

    /// Returns SQL statements that each new session of sqlx must execute first; `None` if there are
    /// none. They are needed because sqlx sets its own time zone and date style at login, which
    /// overrides the options of the address.
    pub fn sqlx_statements(&self) -> Option<String> {
        self.login.settings().statements()
    }
}

fn connect_options(login: &Login, candidate: &Candidate, application: &str) -> PgConnectOptions {
    // Options in this form can only be set through an address.
    let encoded = |text: String| {
        let all = percent_encoding::NON_ALPHANUMERIC;
        format!(
            "postgres://localhost?options={}",
            percent_encoding::utf8_percent_encode(&text, all)
        )
    };
    let url = login.settings().options().map(encoded);
    let options = url.and_then(|url| PgConnectOptions::from_str(&url).ok());
    let mut options = options.unwrap_or_else(PgConnectOptions::new_without_pgpass);
    options = if candidate.endpoint.is_socket() {
        options.socket(&candidate.endpoint.host)
    } else {
        options.host(&candidate.endpoint.host)
    };
    options = options
        .port(candidate.endpoint.port)
        .application_name(application)
        .username(login.user())
        .database(login.database());
    if login.settings().has("extra_float_digits") {
        // The driver's own value would override the options.
        options = options.extra_float_digits(None);
    }
    let given = login.password().map(String::from_utf8_lossy);
    let of_file = candidate.password.as_ref().map(Password::expose);
    match given.as_deref().or(of_file) {
        Some(password) => options.password(password),
        None => options,
    }
}

/// Adds the TLS settings to `options`: the mode for a candidate with `sslmode`, and the files of
/// certificates and key.
fn with_tls(options: PgConnectOptions, tls: &TlsSettings, sslmode: SslMode) -> PgConnectOptions {
    let mut options = options.ssl_mode(match (sslmode, tls.mode) {
        (SslMode::Disable, _) => PgSslMode::Disable,
        (SslMode::Prefer, _) => PgSslMode::Prefer,
        (_, TlsMode::VerifyCa) => PgSslMode::VerifyCa,
        (_, TlsMode::VerifyFull) => PgSslMode::VerifyFull,
        _ => PgSslMode::Require,
    });
    if let Some(roots) = &tls.roots {
        options = options.ssl_root_cert(roots);
    }
    if let Some((certificate, key)) = &tls.client {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    options
}
