//! Remedies for the errors of a Redis server, chosen by the error's code, or by its text if it has
//! no code of its own.

use crate::address::RedisAddress;
use crate::failure;
use redis::RedisError;

/// Remedy for a missing or refused login.
pub(crate) const LOGIN: &str = "put user and password into REDIS_URL: redis://USER:PASSWORD@HOST:PORT/ (@, /, ? and # encoded)";

/// Error codes and texts of Redis 6 to 8 and Valkey, each with its remedy. An empty code or text
/// fits every error; the first entry that fits is used. `{cli}` in a remedy is replaced by a
/// `redis-cli` command. Source: `createSharedObjects` in src/server.c.
const CAUSES: [(&str, &str, &str); 15] = [
    ("NOAUTH", "", LOGIN),
    ("WRONGPASS", "", LOGIN),
    // Servers before version 6 use the general code if they receive a login that they do not expect.
    ("ERR", "AUTH", LOGIN),
    ("ERR", "password", LOGIN),
    (
        "NOPERM",
        "",
        "a user who may SET, GET and DEL under plimsoll:* (ACL SETUSER NAME ~plimsoll:* +@all), or another one in --url",
    ),
    (
        "READONLY",
        "",
        "the URL of the primary: this server is a replica, and {cli} INFO replication names its primary",
    ),
    (
        "MOVED",
        "",
        "a server that is no part of a cluster: redis-bench speaks to one node and follows no redirection",
    ),
    ("ASK", "", "again when the cluster has moved its slots"),
    (
        "CLUSTERDOWN",
        "",
        "a server that is no part of a cluster, or this cluster made whole: {cli} CLUSTER INFO",
    ),
    (
        "LOADING",
        "",
        "again when the server has read its data: {cli} INFO persistence tells how far it is",
    ),
    (
        "MASTERDOWN",
        "",
        "the URL of the primary, or again when this replica reaches it: {cli} INFO replication",
    ),
    (
        "MISCONF",
        "",
        "the server cannot save its data and so takes no writes: its log says why",
    ),
    (
        "OOM",
        "",
        "fewer --keys, a smaller --value-size, or a larger maxmemory at the server",
    ),
    (
        "",
        "DB index is out of range",
        "a database that the server has: redis://HOST:PORT/0",
    ),
    (
        "",
        "max number of clients",
        "again when clients have left, or a larger maxclients at the server; fewer --connections or a smaller --pool-size",
    ),
];

/// Returns the remedy for an error of the server at `remote`, as shown to the user; `None` if its
/// cause is not known.
pub(crate) fn for_error(error: &RedisError, remote: &RedisAddress) -> Option<String> {
    let failure = failure::from_redis(error);
    if failure.kind == "auth" {
        return Some(LOGIN.to_owned());
    }
    let code = failure.kind.strip_prefix("response.").unwrap_or_default();
    let remedy = find(code, &failure.to_string())?;
    Some(remedy.replace("{cli}", &remote.cli()))
}

fn find(code: &str, message: &str) -> Option<&'static str> {
    let fits = |(wanted, says, _): &&(&str, &str, &'static str)| {
        (wanted.is_empty() || *wanted == code) && message.contains(says)
    };
    CAUSES.iter().find(fits).map(|(_, _, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_fits_the_code_of_the_answer() {
        for (code, message, remedy) in [
            (
                "NOAUTH",
                "NOAUTH Authentication required.",
                "user and password",
            ),
            (
                "READONLY",
                "READONLY You can't write",
                "the URL of the primary",
            ),
            ("MOVED", "MOVED 3999 127.0.0.1:6381", "no part of a cluster"),
            ("LOADING", "LOADING Redis is loading", "has read its data"),
            ("ERR", "ERR DB index is out of range", "redis://HOST:PORT/0"),
            ("maxclients", "ERR max number of clients", "maxclients"),
        ] {
            assert!(find(code, message).unwrap().contains(remedy), "{message}");
        }
        assert_eq!(find("ERR", "ERR syntax error"), None);
    }
}
