//! Remedies for the errors of a Redis server, chosen by the error's code, or by its text if it has
//! no code of its own.

use load_engine::Failure;

use crate::server::address::RedisAddress;
use crate::server::failure::SENTINEL;
use crate::server::tls_failure;

/// Remedy for a missing or refused login. It shows no URL with a password, so that nothing in it can
/// be masked.
pub(crate) const LOGIN: &str = "user and password of the server in REDIS_URL, with @, /, ? and # of them written as %40, %2F, %3F and %23, or the password as it is in REDISCLI_AUTH";

/// Kinds of failures of a connection that the server ended, or did not take.
const CLOSED_KINDS: [&str; 3] = ["refused", "reset", "closed"];
/// Remedy for them.
const CLOSED: &str = "{cli} INFO server: whether the server runs, and since when; its log says why it ended connections";
/// Remedy for them on a cluster, where another node than the one in the URL may have failed.
const FAILED_NODE: &str =
    "{cli} CLUSTER NODES on a node that runs: which one fails, or which slots nobody holds";

/// Remedy for a primary that is gone, or that no Sentinel names.
const NO_PRIMARY: &str = "{cli} SENTINEL MASTERS: the names of the primaries that the Sentinel watches, where they are and whether they are up";

/// Error codes and texts of Redis 6 to 8 and Valkey, each with its remedy. An empty code or text
/// fits every error; the first entry that fits is used. `{cli}` in a remedy is replaced by a
/// `redis-cli` command. Source: `createSharedObjects` in src/server.c, `getNodeByQuery` and
/// `clusterRedirectClient` in src/cluster.c, `acceptCommonHandler` in src/networking.c.
const CAUSES: &[(&str, &str, &str)] = &[
    ("NOAUTH", "", LOGIN),
    ("WRONGPASS", "", LOGIN),
    // Servers before version 6 use the general code if they receive a login that they do not expect.
    ("ERR", "AUTH", LOGIN),
    ("ERR", "password", LOGIN),
    (
        "READONLY",
        "",
        "the URL of the primary: this server is a replica, and {cli} INFO replication names its primary",
    ),
    (
        "MOVED",
        "",
        "--client cluster, which follows redirections, or a server that is no part of a cluster; with that client, again when the cluster has moved its slots",
    ),
    (
        "CROSSSLOT",
        "",
        "a server that is no part of a cluster: a node takes no command with keys of several slots",
    ),
    (
        "ASK",
        "",
        "--client cluster, which follows redirections; with that client, again when the cluster has moved its slots",
    ),
    ("TRYAGAIN", "", "again when the cluster has moved its slots"),
    (
        "CLUSTERDOWN",
        "",
        "again when this cluster is whole: {cli} CLUSTER INFO; {cli} CLUSTER NODES tells which node fails",
    ),
    (
        "LOADING",
        "",
        "again when the server has read its data: {cli} INFO persistence tells how far it is",
    ),
    (
        "BUSY",
        "",
        "again when the script that the server executes has ended; {cli} SCRIPT KILL ends one that has written nothing",
    ),
    (
        "MASTERDOWN",
        "",
        "the URL of the primary, or again when this replica reaches it: {cli} INFO replication",
    ),
    (
        "MISCONF",
        "",
        "again when the server can save its data: its log says why it cannot, and so takes no writes",
    ),
    (
        "OOM",
        "",
        "fewer --keys, a smaller --value-size, or a larger maxmemory at the server",
    ),
    (
        "DENIED",
        "",
        "a server with a password, or this one from its own machine: in protected mode it takes nobody else",
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

/// Returns the remedy for a failure on the server at `remote`, as shown to the user; `None` if its
/// cause is not known.
pub(crate) fn for_failure(failure: &Failure, remote: &RedisAddress) -> Option<String> {
    if failure.kind == "auth" {
        return Some(LOGIN.to_owned());
    }
    let is_closed = CLOSED_KINDS.contains(&&*failure.kind);
    if let (Some(cli), true) = (
        remote.sentinel_cli(),
        is_closed || failure.kind == SENTINEL || failure.kind == "response.READONLY",
    ) {
        return Some(NO_PRIMARY.replace("{cli}", &cli));
    }
    if is_closed {
        return Some(CLOSED.replace("{cli}", &remote.cli()));
    }
    if let Some(remedy) = tls_failure::remedy(&failure.kind) {
        return Some(remedy.replace("{cli}", &remote.cli()));
    }
    let code = failure.kind.strip_prefix("response.").unwrap_or_default();
    let remedy = find(code, &failure.to_string())?;
    Some(remedy.replace("{cli}", &remote.cli()))
}

/// Returns the remedy for a failure on one of the nodes of a cluster, of which the server at `remote` is
/// another; `None` if its cause is not known.
pub(crate) fn on_cluster(failure: &Failure, remote: &RedisAddress) -> Option<String> {
    let is_away = CLOSED_KINDS.contains(&&*failure.kind);
    if is_away || matches!(&*failure.kind, "timeout" | "no_node") {
        return Some(FAILED_NODE.replace("{cli}", &remote.cli()));
    }
    for_failure(failure, remote)
}

fn find(code: &str, message: &str) -> Option<String> {
    if code == "NOPERM" {
        return Some(missing_right(message));
    }
    let fits = |(wanted, says, _): &&(&str, &str, &'static str)| {
        (wanted.is_empty() || *wanted == code) && message.contains(says)
    };
    let cause = CAUSES.iter().find(fits);
    cause.map(|(_, _, remedy)| (*remedy).to_owned())
}

/// Returns the remedy for a command or a key that the user may not use. The server's `message` names
/// the command; about a key it only says that the user may not access it.
fn missing_right(message: &str) -> String {
    match denied_command(message) {
        Some(command) => format!(
            "a user who may {} (ACL SETUSER NAME ~plimsoll:* +{command}), or another one in --url",
            command.to_uppercase().replace('|', " ")
        ),
        None => "a user who may use the keys plimsoll:* (ACL SETUSER NAME ~plimsoll:*), or another one in --url".to_owned(),
    }
}

/// Returns the command in an answer such as `NOPERM User app has no permissions to run the 'set'
/// command`; `None` if the answer names none. Source: `getAclErrorMessage` in src/acl.c.
fn denied_command(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("run the '")?;
    let (command, _) = rest.split_once('\'')?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '|' | '-' | '_' | '.');
    (!command.is_empty() && command.chars().all(is_plain)).then_some(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_report::redaction;

    const NO_SET: &str = "NOPERM User app has no permissions to run the 'set' command";
    const NO_LIST: &str = "NOPERM User o'neil has no permissions to run the 'client|list' command";
    const NO_KEY: &str = "NOPERM No permissions to access a key";

    #[test]
    fn a_remedy_fits_the_code_of_the_answer() {
        for (code, message, remedy) in [
            (
                "NOAUTH",
                "NOAUTH Authentication required.",
                "user and password",
            ),
            (
                "WRONGPASS",
                "WRONGPASS invalid username-password pair or user is disabled.",
                "user and password",
            ),
            (
                "READONLY",
                "READONLY You can't write",
                "the URL of the primary",
            ),
            ("MOVED", "MOVED 3999 127.0.0.1:6381", "no part of a cluster"),
            ("ASK", "ASK 3999 127.0.0.1:6381", "moved its slots"),
            ("TRYAGAIN", "TRYAGAIN Multiple keys", "moved its slots"),
            (
                "CROSSSLOT",
                "CROSSSLOT Keys in request",
                "keys of several slots",
            ),
            ("CLUSTERDOWN", "CLUSTERDOWN Hash slot", "CLUSTER INFO"),
            ("LOADING", "LOADING Redis is loading", "has read its data"),
            ("BUSY", "BUSY Redis is busy", "SCRIPT KILL"),
            ("MASTERDOWN", "MASTERDOWN Link", "INFO replication"),
            ("MISCONF", "MISCONF Redis is configured", "its log says why"),
            ("OOM", "OOM command not allowed", "fewer --keys"),
            ("NOPERM", NO_SET, "may SET (ACL SETUSER NAME"),
            ("NOPERM", NO_SET, "~plimsoll:* +set)"),
            ("NOPERM", NO_LIST, "may CLIENT LIST"),
            ("NOPERM", NO_KEY, "the keys plimsoll:*"),
            ("ERR", "ERR DB index is out of range", "redis://HOST:PORT/0"),
            ("DENIED", "DENIED Redis is running", "protected mode"),
            ("maxclients", "ERR max number of clients", "maxclients"),
        ] {
            assert!(find(code, message).unwrap().contains(remedy), "{message}");
        }
        assert_eq!(find("ERR", "ERR syntax error"), None);
        assert_eq!(find("NEWCODE", "NEWCODE of a later version"), None);
    }

    #[test]
    fn a_server_that_ended_connections_is_to_be_asked_since_when_it_runs() {
        let remote = RedisAddress::parse("redis://cache:7000/").unwrap();
        for kind in ["refused", "reset", "closed"] {
            let remedy = for_failure(&Failure::new(kind, "gone"), &remote).unwrap();
            assert!(remedy.starts_with("redis-cli -h cache -p 7000 INFO server"));
        }
        assert_eq!(for_failure(&Failure::new("timeout", "late"), &remote), None);
        let named = RedisAddress::parse("redis://one:7000/3?sentinel=orders").unwrap();
        for kind in ["refused", "sentinel", "response.READONLY"] {
            let remedy = for_failure(&Failure::new(kind, "gone"), &named).unwrap();
            assert!(remedy.starts_with("redis-cli -h one -p 7000 SENTINEL MASTERS"));
        }
        let refused = Failure::new("refused", "gone");
        let remedy = on_cluster(&refused, &remote).unwrap();
        assert!(remedy.contains("7000 CLUSTER NODES"), "{remedy}");
        let out_of_memory = Failure::new("response.OOM", "OOM command not allowed");
        assert_eq!(
            on_cluster(&out_of_memory, &remote),
            for_failure(&out_of_memory, &remote)
        );
    }

    /// Remedies are shown through the redaction of all messages, which must find nothing to mask.
    #[test]
    fn no_remedy_looks_like_a_secret() {
        let cli = "redis-cli -h cache -p 7000 --user app -n 3";
        let fixed = CAUSES.iter().map(|(_, _, remedy)| (*remedy).to_owned());
        let denied = [NO_SET, NO_LIST, NO_KEY].map(missing_right);
        let others = [LOGIN, CLOSED, NO_PRIMARY, FAILED_NODE].map(str::to_owned);
        for remedy in fixed.chain(denied).chain(others) {
            let shown = format!("Try: {}", remedy.replace("{cli}", cli));
            assert_eq!(redaction::text(&shown), shown);
        }
    }
}
