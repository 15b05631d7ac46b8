//! Known causes of failures and their remedies.
//!
//! Codes are from the PostgreSQL manual, appendix A. Messages are those of PostgreSQL in English, of
//! PgBouncer and of the drivers. If a server writes messages in another language, only the causes that are
//! recognized by code apply.

use super::Purpose::{self, Checking, Connecting, Making, Removing, Watching};

/// Cause of a failure: the conditions that identify it, and the remedy.
pub(super) struct Cause {
    /// Kinds of failure that fit, an SQLSTATE code without the prefix `sqlstate.`; empty if all
    /// kinds fit.
    pub(super) kinds: &'static [&'static str],
    /// Text that the failure's message must contain; empty if all messages fit.
    pub(super) says: &'static str,
    /// Purposes of the failed statement or connection that fit; empty if all fit.
    pub(super) purpose: &'static [Purpose],
    /// Remedy as text for the user. `{user}`, `{database}`, `{ready}` and `{list}` are replaced by
    /// values and commands for the server's address.
    pub(super) remedy: &'static str,
}

const fn cause(
    kinds: &'static [&'static str],
    says: &'static str,
    purpose: &'static [Purpose],
    remedy: &'static str,
) -> Cause {
    Cause {
        kinds,
        says,
        purpose,
        remedy,
    }
}

/// Causes in the order in which they are tried; the first one that fits is used.
pub(super) const CAUSES: &[Cause] = &[
    // Causes at login.
    cause(
        &["auth"],
        "pg_hba.conf rejects",
        &[],
        "another user, database or way (host, TLS by sslmode) than the line of the server's pg_hba.conf that says reject, or that line changed and SELECT pg_reload_conf()",
    ),
    cause(
        &["auth"],
        "no pg_hba.conf entry",
        &[],
        "a line for this user, database and address in the server's pg_hba.conf, then SELECT pg_reload_conf(); where it has one for TLS alone, sslmode=require",
    ),
    cause(
        &["auth"],
        "is not permitted to log in",
        &[],
        "another user, or ALTER ROLE {user} LOGIN",
    ),
    cause(
        &["auth"],
        "does not exist",
        &[],
        "a user that exists on that server, in the URL or in PGUSER",
    ),
    cause(
        &["auth"],
        "ertificate authentication failed",
        &[],
        "a client certificate of the user {user}, as sslcert and sslkey",
    ),
    cause(
        &["auth"],
        "eer authentication failed",
        &[],
        "as the system's user of that name, by TCP (-h in place of the socket's directory) with a password, or another method in pg_hba.conf",
    ),
    cause(
        &["auth"],
        "channel binding",
        &[],
        "channel_binding=prefer, or TLS to a server that logs in by SCRAM",
    ),
    cause(
        &["auth"],
        "password missing",
        &[],
        "a password, in PGPASSWORD, a password file or the URL",
    ),
    cause(
        &["auth"],
        "none is given",
        &[],
        "a password, in PGPASSWORD, a password file or the URL",
    ),
    cause(
        &["auth"],
        "does not know",
        &[],
        "another driver, or another method for this user in the server's pg_hba.conf",
    ),
    cause(
        &["auth"],
        "",
        &[],
        "another password or user, in the URL or in PGPASSWORD and PGUSER",
    ),
    // Causes that a pooler reports.
    cause(
        &["08P01"],
        "no such database",
        &[],
        "a database that the pooler has in its [databases], or an entry there for {database}",
    ),
    cause(
        &["08P01"],
        "does not exist",
        &[],
        "another name for {database} in the pooler's [databases]: the server behind it has none of that name",
    ),
    cause(
        &["08P01"],
        "no such user",
        &[],
        "a user that the pooler knows (auth_file, auth_query)",
    ),
    cause(
        &["08P01"],
        "uthentication failed",
        &[],
        "another password or user: the pooler's auth_file and the server behind it must both have it",
    ),
    cause(
        &["08P01"],
        "auth failed",
        &[],
        "another password or user: the pooler's auth_file and the server behind it must both have it",
    ),
    cause(
        &[],
        "max_client_conn",
        &[],
        "again when the pooler has room for clients, or a larger max_client_conn in its configuration",
    ),
    cause(
        &[],
        "max_db_connections",
        &[],
        "again when the pooler has room, or a larger max_db_connections in its configuration",
    ),
    cause(
        &[],
        "query_wait_timeout",
        &[],
        "again when the pooler has a session to give: SHOW POOLS on its console tells whether its pool is too small (default_pool_size) or the server behind it is away",
    ),
    cause(
        &[],
        "unsupported startup parameter",
        &[],
        "the parameter that it names in the pooler's ignore_startup_parameters, or no such setting in the URL, PGOPTIONS, PGTZ or PGDATESTYLE; a script with --schema asks for a search_path that way",
    ),
    cause(
        &[],
        "statement pooling mode",
        &[],
        "pool_mode = transaction or session for {database} at the pooler, or the server behind it: in statement mode it takes no transaction, and a look at a statement is one",
    ),
    cause(
        &["08P01"],
        "pgbouncer",
        &[],
        "what the pooler's log says of this login",
    ),
    cause(
        &["26000", "42P05"],
        "",
        &[],
        "--protocol simple or extended, which need no statement to stay on a session; else PgBouncer from 1.21 on with max_prepared_statements, or pool_mode = session",
    ),
    // Causes at databases and servers that are missing or not ready.
    cause(
        &["3D000"],
        "no such database",
        &[],
        "a database that the pooler has in its [databases], or an entry there for {database}",
    ),
    cause(
        &["3D000"],
        "",
        &[],
        "a database that exists; {list} shows them",
    ),
    cause(
        &["55000"],
        "not currently accepting connections",
        &[],
        "another database, or ALTER DATABASE {database} ALLOW_CONNECTIONS true",
    ),
    cause(
        &["53300"],
        "connections for role",
        &[],
        "again when that role's connections are free, or ALTER ROLE {user} CONNECTION LIMIT with a larger number",
    ),
    cause(
        &["53300"],
        "connections for database",
        &[],
        "again when that database's connections are free, or ALTER DATABASE {database} CONNECTION LIMIT with a larger number",
    ),
    cause(
        &["53300"],
        "slots are reserved",
        &[],
        "again when connections are free, or raise max_connections: what is left is reserved (superuser_reserved_connections, reserved_connections)",
    ),
    cause(
        &["53300"],
        "",
        &[],
        "again when connections are free, or raise max_connections",
    ),
    cause(
        &["57P03"],
        "",
        &[],
        "again when the server is ready, which {ready} tells; its log says why it is not yet",
    ),
    cause(
        &["57P01", "57P02", "57P05"],
        "",
        &[],
        "again when the server is back, which {ready} tells",
    ),
    cause(
        &["22023", "22007", "42704"],
        "",
        &[Connecting],
        "another value of that setting, in the URL's options, PGOPTIONS, PGTZ, PGDATESTYLE or PGGEQO",
    ),
    cause(
        &["42501"],
        "",
        &[Connecting],
        "GRANT CONNECT ON DATABASE {database} TO {user}",
    ),
    // Causes in TLS and in the network.
    cause(
        &["tls"],
        "does not support TLS",
        &[],
        "ssl = on at the server (client_tls_sslmode at PgBouncer), or sslmode=prefer or disable here",
    ),
    cause(
        &["tls"],
        "another name",
        &[],
        "the host by a name in its certificate, or sslmode=verify-ca",
    ),
    cause(
        &["tls"],
        "not issued by",
        &[],
        "the certificate of the server's authority as sslrootcert",
    ),
    cause(
        &["tls"],
        "has expired",
        &[],
        "a certificate at the server that still holds",
    ),
    cause(
        &["tls"],
        "",
        &[],
        "the host by a name in its certificate, its authority's certificate as sslrootcert, or another sslmode",
    ),
    cause(
        &[],
        "lookup address information",
        &[],
        "another host: this name has no address here",
    ),
    cause(
        &[],
        "allow writes",
        &[],
        "a host that takes writes: none of those named does, as target_session_attrs asks",
    ),
    cause(
        &[],
        "is not read only",
        &[],
        "a host that only reads: none of those named is one, as target_session_attrs asks",
    ),
    cause(
        &["not_found"],
        "",
        &[Connecting],
        "the directory that the server's unix_socket_directories names, and its port; is the server up? {ready}",
    ),
    cause(
        &["timeout.connect"],
        "did not let us in",
        &[],
        "what answers there: {ready}; a pooler lets clients wait so while the server behind it is away or full, which its log tells; a longer connect_timeout where the server is slow",
    ),
    cause(
        &["timeout.connect"],
        "",
        &[],
        "is it the right address, and does nothing keep us from it? {ready}; a longer connect_timeout where it is far",
    ),
    cause(
        &["timeout"],
        "stopped answering",
        &[],
        "again when the server answers, which {ready} tells; its log and its machine may tell what holds it up",
    ),
    // Missing rights, and limits that were reached.
    cause(
        &["25006"],
        "",
        &[Making],
        "a server and a role that may write: a standby cannot (target_session_attrs=read-write finds the primary among several hosts), and default_transaction_read_only keeps from it elsewhere; --workload checkout-only writes nothing",
    ),
    cause(
        &["42501"],
        "",
        &[Making],
        "a role that may create a schema in this database (GRANT CREATE ON DATABASE {database} TO {user}), or a table that is there: --workload point-select --table pgbench_accounts",
    ),
    cause(&["42501"], "", &[Removing], "as the role that made it"),
    cause(
        &["42501"],
        "",
        &[Watching],
        "GRANT pg_monitor TO {user}, or another role that may read the statistics",
    ),
    cause(
        &["42501"],
        "",
        &[Checking],
        "the right that it names, GRANTed to {user}",
    ),
    cause(
        &["55P03"],
        "",
        &[Removing],
        "again when no other session uses its tables",
    ),
    cause(
        &["57014"],
        "statement timeout",
        &[],
        "a longer statement_timeout: ALTER ROLE {user} SET statement_timeout = 0",
    ),
    cause(
        &["57014"],
        "",
        &[],
        "again: somebody cancelled the statement",
    ),
    cause(
        &["53100", "53200"],
        "",
        &[Making],
        "a smaller --scale, or more room on the server",
    ),
    cause(
        &["53400"],
        "temp_file_limit",
        &[],
        "a larger temp_file_limit (a superuser may: ALTER ROLE {user} SET temp_file_limit = -1), a larger work_mem or maintenance_work_mem, or a smaller --scale",
    ),
    cause(
        &["42P01", "3F000"],
        "",
        &[Checking],
        "a server and a database that have the tables of the script, or a search_path that finds them: options=-csearch_path%3DNAME in the URL",
    ),
    cause(
        &["42703", "42883", "42704", "42P02"],
        "",
        &[Checking],
        "what the statement names, made in that database, or another name in the script",
    ),
    cause(
        &["42601"],
        "",
        &[Checking],
        "the statement as psql takes it; it is PostgreSQL's grammar",
    ),
];
