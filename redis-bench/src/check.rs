//! Command `check`, which tries on a server what every run needs and leaves nothing there.

use anyhow::Context as _;
use bench_cli::{Exit, Remedy as _, UsageError};
use load_engine::Cancel;
use redis::RedisResult;

use crate::cli::ServerFlags;
use crate::keys::removal_command::{RemovalCommand, remove};
use crate::server::address::RedisAddress;
use crate::server::redis_server::RedisServer;
use crate::server::{failure, remedy};

/// Key that exists on no server. Its removal changes nothing, and is refused if keys may not be written.
const ABSENT_KEY: &[u8] = b"plimsoll:check";

/// Runs `redis-bench check`: finds the server and logs in as a run would, asks it what it is, and removes a
/// key that does not exist.
///
/// # Errors
/// Fails with the obstacle to a run and a remedy, or if the URL is wrong or missing.
pub(crate) fn run(flags: &ServerFlags) -> anyhow::Result<Exit> {
    if flags.address()?.is_none() {
        let told = "there is no server to check; name it with --url or REDIS_URL";
        return Err(UsageError(told.to_owned()).into());
    }
    let server = RedisServer::open(flags)?;
    server.probe(&[], &Cancel::new())?;
    let remote = server.remote();
    if let Err(error) = remove_absent(&remote) {
        let failure = failure::from_redis(&error);
        let general = "a user who may read and write keys";
        let remedy = remedy::for_failure(&failure, &remote);
        return Err(anyhow::anyhow!(failure.to_string()))
            .with_context(|| format!("cannot write keys at {}", remote.masked_url()))
            .remedy(remedy.unwrap_or_else(|| general.to_owned()));
    }
    Ok(Exit::Done)
}

/// Removes a key that does not exist, by the first command for it that the user may use.
///
/// # Errors
/// Fails with the error of the connection or the server.
fn remove_absent(remote: &RedisAddress) -> RedisResult<()> {
    let mut connection = remote.connect()?;
    let names = [ABSENT_KEY.to_vec()];
    remove(&mut connection, &names, &mut RemovalCommand::Unlink).map(drop)
}
