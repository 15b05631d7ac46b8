//! Clients in `CLIENT LIST` that cost the server more than their commands do. The cost of reading
//! that list grows with the number of clients, so it is read only at the beginning and the end of a
//! step.

use std::collections::BTreeMap;

use bench_report::EvidenceRow;
use bench_report::names::redis::clients;
use redis::{Connection, RedisResult};

/// Largest number of connected clients with which the list is read; with more, reading it would
/// block the server.
const CLIENTS_MAX: f64 = 5_000.0;
/// Size of unread answers, in bytes, from which on a client is reported as a slow reader.
const OUTPUT_TOLD_BYTES: f64 = 65_536.0;
/// Largest number of clients of one kind that get a row of their own.
const NAMED: usize = 3;

/// Reported client: its kind, name, host, last command, and the bytes of answers that it has not
/// read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClientEntry {
    kind: &'static str,
    name: String,
    address: String,
    command: String,
    output_bytes: f64,
}

/// Reads `CLIENT LIST` and returns the clients that follow every command, wait for messages, are
/// replicas, or do not read their answers. `connected` is the number of connected clients, if
/// known.
///
/// # Errors
/// Fails with the reason why the list was not read: more than 5,000 clients, or the server's error.
pub(super) fn read(
    connection: &mut Connection,
    connected: Option<f64>,
) -> Result<Vec<ClientEntry>, String> {
    if let Some(connected) = connected.filter(|n| *n > CLIENTS_MAX) {
        return Err(format!(
            "not asked for: with {connected} clients it would hold the server up"
        ));
    }
    let listed: RedisResult<String> = redis::cmd("CLIENT").arg("LIST").query(connection);
    let listed = listed.map_err(|error| crate::server::failure::from_redis(&error).to_string())?;
    Ok(parse(&listed))
}

fn parse(listed: &str) -> Vec<ClientEntry> {
    listed.lines().filter_map(parse_line).collect()
}

/// Parses one line of the list; `None` for a client that only sends commands and reads their
/// answers.
fn parse_line(line: &str) -> Option<ClientEntry> {
    let fields: BTreeMap<&str, &str> = line
        .split_ascii_whitespace()
        .filter_map(|field| field.split_once('='))
        .collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    let flags = field("flags");
    // Counts the bytes in the list of answers, which the server uses when the fixed buffer is full.
    let output_bytes: f64 = field("omem").parse().unwrap_or(0.0);
    let kind = if flags.contains('O') {
        "monitor"
    } else if flags.contains(['S', 'M']) {
        "replica"
    } else if flags.contains('P') {
        "subscriber"
    } else if output_bytes >= OUTPUT_TOLD_BYTES {
        "slow reader"
    } else {
        return None;
    };
    let host = field("addr").rsplit_once(':').map_or("", |(host, _)| host);
    Some(ClientEntry {
        kind,
        name: field("name").to_owned(),
        address: host.to_owned(),
        command: field("cmd").to_owned(),
        output_bytes,
    })
}

/// Returns rows for the largest clients of each kind, by their unread bytes, and a row with the sum
/// of the remaining ones of that kind. Uses the reading with more clients: `before` or `after` the
/// step, the latter if equal.
pub(super) fn rows(before: &[ClientEntry], after: &[ClientEntry]) -> Vec<EvidenceRow> {
    let mut kinds: BTreeMap<&str, Vec<&ClientEntry>> = BTreeMap::new();
    let most = if after.len() >= before.len() {
        after
    } else {
        before
    };
    for client in most {
        kinds.entry(client.kind).or_default().push(client);
    }
    let mut rows = Vec::new();
    for (kind, mut clients) in kinds {
        clients.sort_by(|a, b| b.output_bytes.total_cmp(&a.output_bytes));
        let (named, others) = clients.split_at(clients.len().min(NAMED));
        rows.extend(
            named
                .iter()
                .map(|c| row(kind, [&c.name, &c.address, &c.command], &[*c])),
        );
        if !others.is_empty() {
            rows.push(row(kind, ["", "", ""], others));
        }
    }
    rows
}

fn row(kind: &str, [name, address, command]: [&str; 3], clients: &[&ClientEntry]) -> EvidenceRow {
    let labels = [
        (clients::KIND, kind),
        (clients::NAME, name),
        (clients::ADDRESS, address),
        (clients::COMMAND, command),
    ];
    EvidenceRow::new(
        labels.map(|(label, value)| (label, value.to_owned())),
        [
            (clients::CLIENTS, clients.len() as f64),
            (
                clients::OUTPUT_BYTES,
                clients.iter().map(|c| c.output_bytes).sum(),
            ),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
id=8 addr=127.0.0.1:49138 laddr=127.0.0.1:7992 fd=8 name= age=0 flags=N omem=0 cmd=get user=default\n\
id=9 addr=[::1]:49139 fd=9 name=ops age=7 flags=O omem=20504 cmd=monitor user=default\n\
id=10 addr=10.0.0.7:49140 fd=10 name= age=7 flags=N omem=9000000 cmd=lrange events=rw\n\
id=11 addr=10.0.0.8:49141 fd=11 name= flags=S omem=0 cmd=replconf\n";

    #[test]
    fn clients_that_cost_more_than_their_commands_are_told_of() {
        let rows = rows(&[], &parse(LISTED));
        let kinds: Vec<&str> = rows.iter().map(|row| row.labels["kind"].as_str()).collect();
        assert_eq!(kinds, ["monitor", "replica", "slow reader"]);
        assert_eq!(
            (
                rows[0].labels["name"].as_str(),
                rows[0].labels["address"].as_str()
            ),
            ("ops", "[::1]")
        );
        assert_eq!(rows[2].figures["output_bytes"], 9_000_000.0);
        assert_eq!(rows[2].labels["command"], "lrange");
    }

    #[test]
    fn many_of_a_kind_are_counted_and_a_few_named() {
        let line =
            |n: u64| format!("id={n} addr=10.0.0.8:{n} name=w{n} flags=P omem={n} cmd=subscribe\n");
        let many: String = (0..50).map(line).collect();
        let rows = rows(&parse(&many), &[]);
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0].labels["name"], "w49");
        assert_eq!(rows[3].figures["clients"], 47.0);
    }
}
