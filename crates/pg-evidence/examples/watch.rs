//! Watches a server for five seconds, under whatever load it has, and prints its activity: sessions
//! by state, wait events, who blocked whom, and the statements that took most of the time.
//!
//! `cargo run -p pg-evidence --example watch -- 'postgres://app@db/shop'`
#![allow(clippy::print_stdout)]

use std::time::Duration;

use anyhow::{Context as _, Result};
use bench_cli::bench::EvidenceSource as _;
use bench_report::{EvidenceRow, ServerEvidence};
use load_engine::Cancel;
use pg_connect::Address;
use pg_evidence::{EvidenceCollector, Scope};

const WATCHED: Duration = Duration::from_secs(5);
/// Prefixes of the names of the figures that are printed.
const FIGURES: [&str; 3] = ["sessions.", "waits.", "database."];
/// Largest number of rows of each table that are printed.
const ROWS: usize = 5;

fn main() -> Result<()> {
    let text = std::env::args().nth(1).context("name an address")?;
    let address = Address::parse(&text)?;
    let name = "pg_evidence_example";
    let mut watch = EvidenceCollector::start(Scope::Everyone, address, name, Cancel::default())?;
    let capacity = watch.begin_step().context("cancelled")?;
    capacity.context("cannot watch this server")?;
    watch.measure_begins();
    std::thread::sleep(WATCHED);
    watch.measure_ends();
    show(&watch.end_step());
    Ok(())
}

fn show(evidence: &ServerEvidence) {
    for (name, value) in &evidence.figures {
        if FIGURES.iter().any(|kind| name.starts_with(kind)) {
            println!("{name}: {value:.2}");
        }
    }
    for (name, rows) in evidence.tables.iter().filter(|(_, rows)| !rows.is_empty()) {
        println!("\n{name}");
        rows.iter().take(ROWS).for_each(show_row);
    }
    for (name, reason) in &evidence.unavailable {
        println!("\nno {name}: {reason}");
    }
}

fn show_row(row: &EvidenceRow) {
    let labels = row.labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, text)| format!("{name} {text}"))
        .collect();
    let figures = row.figures.iter();
    let figures: Vec<String> = figures
        .map(|(name, value)| format!("{name} {value:.2}"))
        .collect();
    println!("  {}\n    {}", labels.join(", "), figures.join(", "));
}
