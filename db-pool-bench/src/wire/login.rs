//! Startup and authentication: SCRAM-SHA-256, MD5, clear text, or trust.

use std::borrow::Cow;
use std::io;

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use super::error::{ServerError, WireError};
use super::link::Link;

const NO_TLS: &str =
    "the driver wire speaks no TLS; use sslmode=disable or prefer, or leave wire out";
const NO_PASSWORD: &str = "the server asks for a password, and none is given";
const UNKNOWN_METHOD: &str = "the server asks for a way to log in that the driver wire does not know; it knows \
     SCRAM-SHA-256, MD5, clear text and trust";

/// Logs in with what `config` says; the server then waits for a request.
///
/// # Errors
/// What the server or the system said, or what `config` lacks.
pub(super) async fn log_in(link: &mut Link, config: &Config) -> Result<(), WireError> {
    if config.get_ssl_mode() == SslMode::Require {
        return Err(WireError::Login(NO_TLS));
    }
    // Whoever runs us, as the other drivers take it.
    let user = match config.get_user() {
        Some(user) => Cow::Borrowed(user),
        None => Cow::Owned(whoami::username().map_err(io::Error::other)?),
    };
    frontend::startup_message(parameters(config, &user), link.outgoing())?;
    link.send().await?;
    loop {
        match link.message().await? {
            Message::AuthenticationCleartextPassword => {
                frontend::password_message(password(config)?, link.outgoing())?;
                link.send().await?;
            }
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(user.as_bytes(), password(config)?, body.salt());
                frontend::password_message(hash.as_bytes(), link.outgoing())?;
                link.send().await?;
            }
            Message::AuthenticationSasl(body) => scram(link, &body, password(config)?).await?,
            Message::ErrorResponse(body) => {
                return Err(WireError::Server(ServerError::of(&body)?));
            }
            Message::ReadyForQuery(_) => return Ok(()),
            Message::AuthenticationGss
            | Message::AuthenticationKerberosV5
            | Message::AuthenticationScmCredential
            | Message::AuthenticationSspi => return Err(WireError::Login(UNKNOWN_METHOD)),
            // The server's parameters, its key for cancelling, notices.
            _ => {}
        }
    }
}

fn parameters<'a>(config: &'a Config, user: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let given = [
        ("database", config.get_dbname()),
        ("options", config.get_options()),
        ("application_name", config.get_application_name()),
    ];
    [("client_encoding", "UTF8"), ("user", user)]
        .into_iter()
        .chain(
            given
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
        )
}

fn password(config: &Config) -> Result<&[u8], WireError> {
    config.get_password().ok_or(WireError::Login(NO_PASSWORD))
}

/// Source: RFC 5802 and RFC 7677; no channel to bind to without TLS.
async fn scram(
    link: &mut Link,
    offered: &AuthenticationSaslBody,
    password: &[u8],
) -> Result<(), WireError> {
    if !offered.mechanisms().any(|name| Ok(name == SCRAM_SHA_256))? {
        return Err(WireError::Login(UNKNOWN_METHOD));
    }
    let mut scram = ScramSha256::new(password, ChannelBinding::unsupported());
    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), link.outgoing())?;
    link.send().await?;
    loop {
        match link.message().await? {
            Message::AuthenticationSaslContinue(body) => {
                scram.update(body.data())?;
                frontend::sasl_response(scram.message(), link.outgoing())?;
                link.send().await?;
            }
            Message::AuthenticationSaslFinal(body) => return Ok(scram.finish(body.data())?),
            Message::ErrorResponse(body) => {
                return Err(WireError::Server(ServerError::of(&body)?));
            }
            _ => return Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        }
    }
}
