//! Prints the JSON Schema of a report: `cargo run -p bench-report --example report_schema`.

fn main() -> serde_json::Result<()> {
    let schema = schemars::schema_for!(bench_report::Report);
    serde_json::to_writer_pretty(std::io::stdout(), &schema)
}
