//! Login at the server by SCRAM-SHA-256 (with or without channel binding to TLS), MD5, clear text,
//! or trust.

use std::borrow::Cow;
use std::io;

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use tokio_postgres::Config;
use tokio_postgres::config::ChannelBinding as Binding;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use super::channel::MessageChannel;
use super::error::{ServerError, WireError};

const UNBOUND: &str = "authentication error: server did not use channel binding";
const NO_PASSWORD: &str = "the server asks for a password, and none is given";
const UNKNOWN_METHOD: &str = "the server asks for a way to log in that the driver wire does not know; it knows \
     SCRAM-SHA-256, MD5, clear text and trust";

/// Logs in with the user, password and other settings of `config`; without a user, with the name of
/// the user who runs this process. Afterwards the server waits for the first request.
///
/// # Errors
/// Fails with the error of the server or the operating system, if a password is required and
/// `config` has none, or if the server requires a method that is not supported.
pub(super) async fn log_in(channel: &mut MessageChannel, config: &Config) -> Result<(), WireError> {
    // The default is the user who runs this process, as with the other drivers.
    let user = match config.get_user() {
        Some(user) => Cow::Borrowed(user),
        None => Cow::Owned(whoami::username().map_err(io::Error::other)?),
    };
    frontend::startup_message(startup_parameters(config, &user), &mut channel.outgoing)?;
    channel.send().await?;
    let mut by_scram = false;
    loop {
        match channel.next_message().await? {
            Message::AuthenticationCleartextPassword => {
                check_unbound(config)?;
                frontend::password_message(password(config)?, &mut channel.outgoing)?;
                channel.send().await?;
            }
            Message::AuthenticationMd5Password(body) => {
                check_unbound(config)?;
                let hash = md5_hash(user.as_bytes(), password(config)?, body.salt());
                frontend::password_message(hash.as_bytes(), &mut channel.outgoing)?;
                channel.send().await?;
            }
            Message::AuthenticationSasl(body) => {
                scram(channel, &body, config).await?;
                by_scram = true;
            }
            Message::ErrorResponse(body) => {
                return Err(WireError::Server(Box::new(ServerError::from_body(&body)?)));
            }
            Message::ReadyForQuery(_) if by_scram => return Ok(()),
            Message::ReadyForQuery(_) => return check_unbound(config),
            Message::AuthenticationGss
            | Message::AuthenticationKerberosV5
            | Message::AuthenticationScmCredential
            | Message::AuthenticationSspi => return Err(WireError::Login(UNKNOWN_METHOD)),
            // Messages that need no answer: the server's parameters, its key for cancelling, notices.
            _ => {}
        }
    }
}

/// Returns the names and values of the parameters of the start-up message; those that `config`
/// lacks are left out.
fn startup_parameters<'a>(
    config: &'a Config,
    user: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
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

/// Fails if `config` requires channel binding. It is called for a login that is not bound to the
/// TLS channel.
fn check_unbound(config: &Config) -> Result<(), WireError> {
    match config.get_channel_binding() {
        Binding::Require => Err(WireError::Login(UNBOUND)),
        _ => Ok(()),
    }
}

/// Authenticates by SCRAM-SHA-256 with the mechanisms that the server has `offered`, bound to the
/// TLS channel if server and `config` allow it. Fails if the server refuses the login, or its proof
/// is wrong.
/// Source: RFC 5802 and RFC 7677; channel binding as in RFC 5929, section 4.
async fn scram(
    channel: &mut MessageChannel,
    offered: &AuthenticationSaslBody,
    config: &Config,
) -> Result<(), WireError> {
    let mechanisms: Vec<_> = offered.mechanisms().collect()?;
    let end_point = channel
        .server_end_point()
        .filter(|_| config.get_channel_binding() != Binding::Disable);
    let (mechanism, binding) = match end_point {
        Some(hash) if mechanisms.contains(&SCRAM_SHA_256_PLUS) => (
            SCRAM_SHA_256_PLUS,
            ChannelBinding::tls_server_end_point(hash),
        ),
        Some(_) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        None => (SCRAM_SHA_256, ChannelBinding::unsupported()),
    };
    if !mechanisms.contains(&mechanism) {
        return Err(WireError::Login(UNKNOWN_METHOD));
    }
    if mechanism == SCRAM_SHA_256 {
        check_unbound(config)?;
    }
    let mut scram = ScramSha256::new(password(config)?, binding);
    frontend::sasl_initial_response(mechanism, scram.message(), &mut channel.outgoing)?;
    channel.send().await?;
    loop {
        match channel.next_message().await? {
            Message::AuthenticationSaslContinue(body) => {
                scram.update(body.data())?;
                frontend::sasl_response(scram.message(), &mut channel.outgoing)?;
                channel.send().await?;
            }
            Message::AuthenticationSaslFinal(body) => return Ok(scram.finish(body.data())?),
            Message::ErrorResponse(body) => {
                return Err(WireError::Server(Box::new(ServerError::from_body(&body)?)));
            }
            _ => return Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        }
    }
}
