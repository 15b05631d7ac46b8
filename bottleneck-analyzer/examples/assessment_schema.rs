//! Prints the JSON Schema of an assessment: `cargo run -p bottleneck-analyzer --example assessment_schema`.

fn main() -> serde_json::Result<()> {
    let schema = schemars::schema_for!(bottleneck_analyzer::Assessment);
    serde_json::to_writer_pretty(std::io::stdout(), &schema)
}
