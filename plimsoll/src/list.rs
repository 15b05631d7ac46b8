//! Profiles and scenarios, for people.

use crate::profile::{self, ProfileError};

/// Every scenario of every tool, with what it answers.
const SCENARIOS: &[(&str, &str)] = &[
    (
        "db-pool-bench sweep",
        "which pool size, with which driver, and where the time goes",
    ),
    (
        "redis-bench cache",
        "hit ratio and latency of a cache, pooled and multiplexed",
    ),
    ("redis-bench pool", "plain throughput of one way to connect"),
    (
        "ws-bench limit",
        "how many connections a server holds, and whose limit it was",
    ),
    ("sysmon record", "what the machine did meanwhile"),
    (
        "bottleneck-analyzer analyze",
        "what limits the system, by how much, and what to promise",
    ),
];

/// The text of `plimsoll list`.
///
/// # Errors
/// Only when the built-in profiles are damaged.
pub fn text() -> Result<String, ProfileError> {
    let mut text = String::from("Profiles (plimsoll run --profile NAME)\n");
    for profile in profile::all()? {
        text.push_str(&format!("  {:<8} {}\n", profile.name, profile.about));
        for component in &profile.components {
            let about = bench_cli::table::duration_ns(component.about().as_nanos() as u64);
            text.push_str(&format!(
                "           {} (about {about})\n",
                component.stem()
            ));
        }
    }
    text.push_str("\nScenarios\n");
    for (name, answers) in SCENARIOS {
        text.push_str(&format!("  {name:<28} {answers}\n"));
    }
    Ok(text)
}
