//! Prints the JSON Schema of an assessment: `cargo run -p bottleneck-analyzer --example assessment_schema`.

fn main() -> serde_json::Result<()> {
    serde_json::to_writer_pretty(std::io::stdout(), &bottleneck_analyzer::assessment_schema())
}
