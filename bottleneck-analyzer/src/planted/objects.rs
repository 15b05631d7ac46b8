//! Tests of findings about tables: indexes that are there already, statistics that are out of date, large
//! values, and tables of one name in two schemas.

use super::causes::{assess, first, ruled_out, statements, tables};
use super::common::server::{Server, row};
use super::{assess_reports, finding, is_unknown};
use crate::assessment::{Assessment, FindingKind};

type Rows = (&'static str, Vec<bench_report::EvidenceRow>);

/// Load whose statement reads `relation` whole, 100,000 rows at each call, to keep one.
fn scan(relation: &str, text: &str, state: &[(&str, f64)], more: Vec<Rows>) -> Server {
    let calls = Server::default().calls();
    let mut figures = vec![("seq_scan", calls), ("seq_tup_read", calls * 1e5)];
    figures.extend(state);
    let mut all = vec![statements(text, 1.0, &[]), tables(relation, &figures)];
    all.extend(more);
    Server {
        tables: all,
        ..Server::default()
    }
}

fn index(relation: &str, name: &str, columns: &str) -> bench_report::EvidenceRow {
    let labels = [
        ("relation", relation),
        ("index", name),
        ("columns", columns),
    ];
    row(&labels, &[])
}

fn actions(assessment: &Assessment) -> String {
    let found = first(assessment, "sequential_scans");
    found.advice.as_ref().unwrap().actions.join("; ")
}

const BY_CAST: &str = "SELECT count(*) FROM logs WHERE who::int = $1";

#[test]
fn an_index_that_is_there_is_named_and_not_advised_again() {
    let there = vec![(
        "indexes",
        vec![
            index("logs", "pk", "id"),
            index("logs", "by_who", "who, id"),
        ],
    )];
    let assessment = assess(&scan("logs", BY_CAST, &[], there));
    let found = first(&assessment, "sequential_scans");
    assert!(
        found
            .title
            .contains("although index by_who (who, id) is there"),
        "{}",
        found.title
    );
    let actions = actions(&assessment);
    assert!(!actions.contains("CREATE INDEX"), "{actions}");
    assert!(actions.contains("without a cast"), "{actions}");
}

#[test]
fn an_index_of_a_column_that_a_statement_only_sorts_by_does_not_serve_its_condition() {
    let with_index = |text: &str| {
        let there = vec![("indexes", vec![index("logs", "by_at", "at")])];
        assess(&scan("logs", text, &[], there))
    };
    let sorted = with_index("SELECT note FROM logs WHERE who = $1 ORDER BY at");
    let title = &first(&sorted, "sequential_scans").title;
    assert!(title.contains("because no index fits"), "{title}");
    let advised = actions(&sorted);
    assert!(
        advised.contains("ON logs (who); its indexes are by_at (at)"),
        "{advised}"
    );
    let compared = with_index("SELECT note FROM logs WHERE at = $1 ORDER BY at");
    let title = &first(&compared, "sequential_scans").title;
    assert!(
        title.contains("although index by_at (at) is there"),
        "{title}"
    );
}

#[test]
fn an_index_that_is_missing_is_advised_beside_those_that_are_there() {
    let others = vec![(
        "indexes",
        vec![index("logs", "pk", "id"), index("other", "by_who", "who")],
    )];
    let advised = actions(&assess(&scan("logs", BY_CAST, &[], others)));
    assert!(
        advised.contains("CREATE INDEX CONCURRENTLY") && advised.contains("pk (id)"),
        "{advised}"
    );
    // Without the table of indexes, nobody knows whether it is there.
    let unknown = actions(&assess(&scan("logs", BY_CAST, &[], vec![])));
    assert!(unknown.contains("if there is none"), "{unknown}");
}

#[test]
fn a_table_whose_statistics_are_out_of_date_is_to_be_analysed_first() {
    let of = |state: &[(&str, f64)]| actions(&assess(&scan("logs", BY_CAST, state, vec![])));
    let live = ("live", 1e5);
    let never = of(&[live, ("modified_since_analyze", 0.0)]);
    assert!(
        never.starts_with("ANALYZE logs first: it never was"),
        "{never}"
    );
    let since = ("seconds_since_analyze", 60.0);
    let old = of(&[live, since, ("modified_since_analyze", 5e4)]);
    assert!(
        old.starts_with("ANALYZE logs first: 50000 rows changed"),
        "{old}"
    );
    for fresh in [
        of(&[live, since, ("modified_since_analyze", 5e3)]),
        of(&[live, since]),
    ] {
        assert!(!fresh.contains("first"), "{fresh}");
    }
}

/// Two tables of one name: the statement that reads one of them says nothing about the other.
#[test]
fn a_statement_on_a_table_of_the_same_name_in_another_schema_is_not_blamed() {
    let text = "SELECT * FROM audit.logs WHERE who = $1";
    let assessment = assess(&scan("public.logs", text, &[], vec![]));
    assert!(finding(&assessment, "sequential_scans").is_none());
    let assessment = assess(&scan("audit.logs", text, &[], vec![]));
    assert!(finding(&assessment, "sequential_scans").is_some());
    let quoted = "SELECT * FROM \"Logs\" WHERE who = $1";
    let assessment = assess(&scan("\"Logs\"", quoted, &[], vec![]));
    assert!(finding(&assessment, "sequential_scans").is_some());
}

fn large_values(toast_blocks: f64) -> Server {
    let calls = Server::default().calls();
    let figures = [
        ("toast_blocks", toast_blocks * calls),
        ("blocks_hit", 4.0 * calls),
        ("blocks_read", 0.0),
    ];
    Server {
        tables: vec![tables("documents", &figures)],
        ..Server::default()
    }
}

#[test]
fn large_values_are_information_with_the_table_and_their_blocks() {
    let assessment = assess(&large_values(12.0));
    let found = finding(&assessment, "toast").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    assert!(
        found.title.contains("documents") && found.title.contains("12.0 blocks for each call"),
        "{}",
        found.title
    );
    assert!(ruled_out(&assess(&large_values(1.0)), "toast"));
    let mut reports = large_values(12.0).run();
    for step in &mut reports[0].steps {
        step.server.as_mut().unwrap().tables.remove("tables");
    }
    assert!(is_unknown(&assess_reports(&reports), "toast"));
}

/// The server does not count the temporary files of some statements, such as CREATE INDEX.
#[test]
fn a_statement_that_wrote_no_temporary_file_is_not_named_for_one() {
    let spill = |written: f64| {
        let calls = Server::default().calls();
        let blocks = ("temp_blocks_written", written * calls);
        assess(&Server {
            figures: vec![("database.temp_bytes", 64.0 * 1_048_576.0 * calls)],
            tables: vec![statements(
                "SELECT note FROM logs ORDER BY note",
                1.0,
                &[blocks],
            )],
            ..Server::default()
        })
    };
    let named = |assessment: &Assessment| {
        let found = finding(assessment, "temp_files").unwrap();
        found.title.contains("ORDER BY note")
    };
    assert!(named(&spill(8_192.0)));
    assert!(!named(&spill(0.0)));
}
