//! Flags of the server that a scenario loads.

use bench_cli::UsageError;
use clap::Args;

use crate::cli::tls_flags::TlsFlags;
use crate::server::address::RedisAddress;

/// Flags of the server that a scenario loads.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerFlags {
    /// URL of the user's Redis; without it, a throwaway server is started.
    #[arg(
        long,
        env = "REDIS_URL",
        hide_env_values = true,
        value_name = "URL",
        help = "Your Redis, as in redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss:// for TLS, \
                ?sentinel=NAME after the hosts of Sentinels; its password can be in REDISCLI_AUTH [default: a throwaway server]"
    )]
    pub(crate) url: Option<String>,

    /// Flags of TLS.
    #[command(flatten)]
    pub(crate) tls: TlsFlags,
}

impl ServerFlags {
    /// Returns the address of the user's server, without contacting it; `None` if there is none.
    ///
    /// # Errors
    /// Fails if the URL is malformed, or if a flag for TLS has no effect or names a file that cannot
    /// be used.
    pub(crate) fn address(&self) -> Result<Option<RedisAddress>, UsageError> {
        if let Some(url) = &self.url {
            return RedisAddress::of_user(url, &self.tls).map(Some);
        }
        match self.tls.given().first() {
            Some((flag, _)) => Err(UsageError(format!(
                "{flag} is for a server of yours; write its URL, rediss://HOST:PORT/, with --url or \
                 in REDIS_URL"
            ))),
            None => Ok(None),
        }
    }
}
