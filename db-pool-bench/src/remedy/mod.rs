//! Remedies for failures of the server, a pooler or the network, chosen by code, message and
//! purpose. A particular remedy is given only for a cause that the code or the message names.

mod causes;
pub(crate) mod commands;
mod purpose;

use bench_cli::Remedy as _;
use load_engine::Failure;

use causes::{CAUSES, Cause};
use pg_connect::Address;
pub(crate) use purpose::Purpose;

/// Returns a general remedy for failures of this purpose whose cause is not known. It may contain
/// placeholders.
fn default_remedy(purpose: Purpose) -> &'static str {
    use Purpose::{Checking, Connecting, Making, Removing, Watching};
    match purpose {
        Connecting => "is the server up? {ready}",
        Making => "what the message says; the server's log may say more",
        Checking => "the script on its own: psql or pgbench -f, in the same database",
        Removing => "again when the server answers, which {ready} tells",
        Watching => "what the message says; {ready} tells whether the server answers",
    }
}

/// Returns an error that says what could not be done (`what`, as in `connect to …`), with the
/// reason and the remedy for the server at `address`.
///
/// # Errors
/// Always: the returned value is the error.
pub(crate) fn cannot<T>(
    what: &str,
    failure: &Failure,
    purpose: Purpose,
    address: &Address,
) -> anyhow::Result<T> {
    Err(anyhow::anyhow!("cannot {what}: {}", full_message(failure)))
        .remedy(remedy_for(failure, purpose, address))
}

/// Returns the remedy for `failure`, which occurred on the server at `address` for `purpose`; a
/// general one if the cause is not known.
pub(crate) fn remedy_for(failure: &Failure, purpose: Purpose, address: &Address) -> String {
    let remedy = known_remedy(failure, purpose).unwrap_or_else(|| default_remedy(purpose));
    let remedy = match address.password_file_note() {
        Some(note) if failure.kind == "auth" && remedy.contains("password") => {
            return format!("{}; {note}", fill_placeholders(remedy, address));
        }
        _ => remedy,
    };
    fill_placeholders(remedy, address)
}

fn known_remedy(failure: &Failure, purpose: Purpose) -> Option<&'static str> {
    let said = failure.to_string();
    let kind = failure.kind.as_ref();
    let kind = kind.strip_prefix("sqlstate.").unwrap_or(kind);
    let fits = |cause: &&Cause| {
        (cause.kinds.is_empty() || cause.kinds.contains(&kind))
            && said.contains(cause.says)
            && (cause.purpose.is_empty() || cause.purpose.contains(&purpose))
    };
    CAUSES.iter().find(fits).map(|cause| cause.remedy)
}

fn fill_placeholders(remedy: &str, address: &Address) -> String {
    remedy
        .replace("{user}", address.user())
        .replace("{database}", address.database())
        .replace("{ready}", &commands::is_ready(address))
        .replace("{list}", &commands::list(address))
}

/// Returns the failure's message, followed by its detail in parentheses if it has one.
pub(crate) fn full_message(failure: &Failure) -> String {
    match &failure.detail {
        Some(detail) => format!("{failure} ({detail})"),
        None => failure.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Purpose::{Checking, Connecting, Making};
    use super::*;

    /// Failures and their remedies: kind, message, purpose, and a part that the remedy must
    /// contain.
    const KNOWN: [(&str, &str, Purpose, &str); 22] = [
        (
            "auth",
            "pg_hba.conf rejects connection for host",
            Connecting,
            "pg_reload_conf",
        ),
        (
            "auth",
            "password authentication failed for user",
            Connecting,
            "another password",
        ),
        (
            "auth",
            "role \"app\" does not exist",
            Connecting,
            "a user that exists",
        ),
        (
            "sqlstate.3D000",
            "database \"x\" does not exist",
            Connecting,
            "psql -h db -p 6543",
        ),
        (
            "sqlstate.08P01",
            "no such database: x",
            Connecting,
            "[databases]",
        ),
        (
            "sqlstate.53300",
            "too many connections for role \"app\"",
            Connecting,
            "ALTER ROLE app",
        ),
        (
            "sqlstate.53300",
            "too many connections for database \"shop\"",
            Connecting,
            "ALTER DATABASE shop",
        ),
        (
            "sqlstate.53300",
            "remaining connection slots are reserved for roles with the SUPERUSER attribute",
            Connecting,
            "what is left is reserved",
        ),
        (
            "sqlstate.53300",
            "sorry, too many clients already",
            Connecting,
            "max_connections",
        ),
        (
            "sqlstate.08P01",
            "no more connections allowed (max_client_conn)",
            Connecting,
            "max_client_conn",
        ),
        (
            "sqlstate.42501",
            "permission denied for database shop",
            Making,
            "GRANT CREATE ON DATABASE shop TO app",
        ),
        (
            "sqlstate.42501",
            "permission denied for database shop",
            Connecting,
            "GRANT CONNECT",
        ),
        (
            "sqlstate.25006",
            "cannot execute CREATE SCHEMA in a read-only transaction",
            Making,
            "may write",
        ),
        (
            "sqlstate.42P01",
            "relation \"t\" does not exist",
            Checking,
            "have the tables",
        ),
        (
            "sqlstate.42P05",
            "prepared statement \"s0\" already exists",
            Checking,
            "--protocol",
        ),
        (
            "sqlstate.08P01",
            "transaction blocks not allowed in statement pooling mode",
            Checking,
            "pool_mode = transaction",
        ),
        (
            "sqlstate.0A000",
            "transaction blocks not allowed in statement pooling mode",
            Making,
            "pool_mode = transaction",
        ),
        (
            "sqlstate.53400",
            "temporary file size exceeds temp_file_limit (64kB)",
            Making,
            "ALTER ROLE app SET temp_file_limit",
        ),
        (
            "timeout.connect",
            "timeout: the server did not let us in within 5 s (connect_timeout)",
            Connecting,
            "a pooler lets clients wait",
        ),
        (
            "timeout",
            "the server has stopped answering: 2 further connections got no answer either",
            Connecting,
            "again when the server answers, which pg_isready -h db -p 6543 tells",
        ),
        (
            "tls",
            "server does not support TLS",
            Connecting,
            "client_tls_sslmode",
        ),
        (
            "refused",
            "connection refused",
            Connecting,
            "is the server up? pg_isready -h db -p 6543",
        ),
    ];

    #[test]
    fn a_remedy_fits_the_cause_that_the_message_names() {
        let address = Address::parse("postgres://app@db:6543/shop").unwrap();
        for (kind, message, purpose, remedy) in KNOWN {
            let failure = Failure::new(kind, message);
            let given = remedy_for(&failure, purpose, &address);
            assert!(given.contains(remedy), "{message}: {given}");
            assert!(!given.contains('{'), "{given}");
        }
    }

    #[test]
    fn no_cause_hides_behind_a_wider_one_before_it() {
        for (at, later) in CAUSES.iter().enumerate() {
            for earlier in &CAUSES[..at] {
                let covers = |outer: &[&str], inner: &[&str]| {
                    outer.is_empty()
                        || (!inner.is_empty() && inner.iter().all(|x| outer.contains(x)))
                };
                let hidden = covers(earlier.kinds, later.kinds)
                    && later.says.contains(earlier.says)
                    && (earlier.purpose.is_empty() || earlier.purpose == later.purpose);
                assert!(!hidden, "{:?} {:?}", later.kinds, later.says);
            }
        }
    }
}
