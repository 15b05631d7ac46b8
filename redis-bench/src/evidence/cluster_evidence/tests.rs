use super::*;
use crate::server::cluster_nodes;
use bench_report::names::FigureName;

/// Creates the evidence of a node with this role that executed `calls` commands in 2 s, `gets` of them
/// `GET` of 10 µs, and whose thread was busy for this share.
fn node(role: &str, calls: f64, gets: f64, busy: f64) -> ServerEvidence {
    let mut server = ServerEvidence::default();
    let figures: [(FigureName, f64); 7] = [
        (names::redis::INTERVAL_S, 2.0),
        (names::redis::COMMANDS_PROCESSED, calls),
        (names::redis::CPU_MAIN_THREAD_S, 2.0 * busy),
        (names::redis::CONNECTED_CLIENTS_MAX, calls / 10.0),
        (names::redis::MAXCLIENTS, 10_000.0 - calls),
        (names::redis::ANSWERS, calls),
        (names::redis::ANSWER_MEAN_NS, calls * 1e3),
    ];
    for (name, value) in figures {
        server.figure(name, value);
    }
    server.member(names::redis::COMMAND_CALLS, "get", gets);
    let row = EvidenceRow::new(
        [
            (commands::COMMAND, "get".to_owned()),
            (commands::WHOSE, "load".to_owned()),
        ],
        [
            (commands::CALLS, gets),
            (commands::USEC, 10.0 * gets),
            (commands::LONGEST_US, gets),
        ],
    );
    server.table(commands::TABLE, vec![row]);
    let row = EvidenceRow::new(
        [(nodes::ROLE, role.to_owned())],
        [(nodes::CALLS, calls), (nodes::BUSY_RATIO, busy)],
    );
    server.table(nodes::TABLE, vec![row]);
    server
}

fn name(id: &str, is_replica: bool) -> NodeName {
    NodeName {
        id: Some(id.to_owned()),
        address: format!("10.0.0.{id}:6379"),
        is_replica,
    }
}

fn of(parts: Vec<(NodeName, ServerEvidence)>) -> ServerEvidence {
    let parts = parts.into_iter();
    merged(
        parts
            .map(|(name, evidence)| (name, evidence.into()))
            .collect(),
    )
}

fn row<'a>(server: &'a ServerEvidence, node: &str) -> &'a EvidenceRow {
    let mut rows = server.rows(nodes::TABLE).unwrap().iter();
    rows.find(|row| row.label(nodes::NODE) == Some(node))
        .unwrap()
}

#[test]
fn primaries_add_up_and_the_hot_one_is_first_with_its_share_and_its_thread() {
    let server = of(vec![
        (name("1", false), node(PRIMARY, 100.0, 80.0, 0.1)),
        (name("2", false), node(PRIMARY, 800.0, 700.0, 0.9)),
        (name("3", false), node(PRIMARY, 100.0, 60.0, 0.2)),
        (name("4", true), node(REPLICA, 5_000.0, 0.0, 0.95)),
    ]);
    let value = |name: FigureName| server.value(name).unwrap();
    assert_eq!(value(names::redis::COMMANDS_PROCESSED), 1_000.0);
    assert_eq!(
        server.value_of(names::redis::COMMAND_CALLS, "get"),
        Some(840.0)
    );
    assert_eq!(value(names::redis::CONNECTED_CLIENTS_MAX), 80.0);
    assert_eq!(value(names::redis::MAXCLIENTS), 9_200.0);
    assert_eq!(
        value(names::redis::CPU_MAIN_THREAD_S),
        1.8,
        "of the hot node"
    );
    assert_eq!(value(names::redis::ANSWER_MEAN_NS), 660_000.0);
    assert_eq!(value(names::redis::BUSIEST_NODE_CALLS_RATIO), 0.8);
    let rows = server.rows(nodes::TABLE).unwrap();
    assert_eq!(
        row(&server, "10.0.0.2:6379").value(nodes::CALLS_RATIO),
        Some(0.8)
    );
    assert_eq!(rows[0].label(nodes::ROLE), Some(REPLICA));
    assert_eq!(rows[0].value(nodes::CALLS_RATIO), None, "repeats writes");
    assert_eq!(rows[1].label(nodes::NODE), Some("10.0.0.2:6379"));
    let get = &server.rows(commands::TABLE).unwrap()[0];
    assert_eq!(get.value(commands::CALLS), Some(840.0));
    assert_eq!(get.value(commands::LONGEST_US), Some(700.0));
    assert!(server.unavailable.is_empty());
}

#[test]
fn without_one_primary_no_sum_is_known_and_its_row_tells_why() {
    let away = ServerEvidence::unavailable("info", "connection refused");
    let server = of(vec![
        (name("1", false), node(PRIMARY, 100.0, 80.0, 0.1)),
        (name("2", false), away.clone()),
    ]);
    assert!(server.figures.is_empty(), "{:?}", server.figures);
    assert!(server.rows(commands::TABLE).is_none());
    assert_eq!(
        server.unavailable["info"],
        "10.0.0.2:6379: connection refused"
    );
    assert_eq!(
        row(&server, "10.0.0.1:6379").value(nodes::CALLS),
        Some(100.0)
    );
    let lost = row(&server, "10.0.0.2:6379");
    assert_eq!(lost.label(nodes::REASON), Some("connection refused"));
    // A replica counts in no sum, so that of the primaries is known without it.
    let server = of(vec![
        (name("1", false), node(PRIMARY, 100.0, 80.0, 0.1)),
        (name("2", true), away),
    ]);
    assert_eq!(server.value(names::redis::COMMANDS_PROCESSED), Some(100.0));
    assert!(server.unavailable.is_empty(), "{:?}", server.unavailable);
    assert_eq!(
        server.value(names::redis::BUSIEST_NODE_CALLS_RATIO),
        None,
        "one node"
    );
}

#[test]
fn a_reset_on_one_node_and_a_node_that_joined_make_sums_unknown() {
    let mut reset = node(PRIMARY, 100.0, 80.0, 0.1);
    reset.figures.remove("commands_processed");
    reset.figures.remove("commands.get.calls");
    reset.tables.remove("commands");
    for part in ["stats", "commandstats"] {
        let reason = "was reset meanwhile".to_owned();
        reset.unavailable.insert(part.to_owned(), reason);
    }
    let server = of(vec![
        (name("1", false), reset),
        (name("2", false), node(PRIMARY, 100.0, 80.0, 0.3)),
    ]);
    assert_eq!(server.value(names::redis::COMMANDS_PROCESSED), None);
    assert_eq!(server.value_of(names::redis::COMMAND_CALLS, "get"), None);
    assert!(server.rows(commands::TABLE).is_none());
    assert_eq!(server.value(names::redis::CPU_MAIN_THREAD_S), Some(0.6));
    assert_eq!(
        server.unavailable["stats"],
        "10.0.0.1:6379: was reset meanwhile"
    );

    let view = "1 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-8000\n\
                9 10.0.0.9:6379@16379 master - 0 0 2 connected 8001-16383\n";
    let joined = NodeEvidence {
        evidence: node(PRIMARY, 100.0, 80.0, 0.1),
        nodes: cluster_nodes::parse(view),
    };
    let server = merged(vec![(name("1", false), joined)]);
    assert!(server.figures.is_empty());
    let reason = row(&server, "10.0.0.9:6379").label(nodes::REASON);
    assert_eq!(reason, Some("it joined after the start"));
}

#[test]
fn a_server_that_is_no_node_stays_as_it_was_read() {
    let mut alone = node(PRIMARY, 100.0, 80.0, 0.1);
    alone.tables.remove("nodes");
    assert_eq!(of(vec![(name("1", false), alone.clone())]), alone);
}
