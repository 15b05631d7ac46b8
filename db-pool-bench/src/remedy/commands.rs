//! Shell commands that remedies recommend for a PostgreSQL server.

use pg_connect::Address;

/// Returns the shell command that checks whether the server accepts connections.
pub(crate) fn is_ready(address: &Address) -> String {
    let (host, port) = address.host_and_port();
    format!("pg_isready -h {host} -p {port}")
}

/// Returns the shell command that lists the server's databases.
pub(crate) fn list(address: &Address) -> String {
    let (host, port) = address.host_and_port();
    format!("psql -h {host} -p {port} --list")
}

/// Returns the shell command that runs `sql` on the server. It contains no password; psql prompts
/// for one.
pub(crate) fn psql(address: &Address, sql: &str) -> String {
    let sql = sql.replace('\'', "'\\''");
    format!("psql '{}' -c '{sql}'", address.redacted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_removes_a_schema_survives_the_shell() {
        let address = Address::parse("postgres://app@db/shop").unwrap();
        assert_eq!(
            psql(&address, "DROP SCHEMA \"plimsoll_1\" CASCADE"),
            "psql 'postgres://app@db:5432/shop' -c 'DROP SCHEMA \"plimsoll_1\" CASCADE'"
        );
    }
}
