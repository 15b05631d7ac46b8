//! List of profiles and scenarios, for `plimsoll list`.

use crate::profile;

/// Every scenario of every tool, as tool and subcommand, with the question that it answers.
const SCENARIOS: &[(&str, &str)] = &[
    (
        "db-pool-bench sweep",
        "which pool size and driver, where the time goes",
    ),
    (
        "db-pool-bench scale",
        "one pool, ever more users: where waiting begins",
    ),
    (
        "db-pool-bench exhaust",
        "connections kept away: who waits, who gives up",
    ),
    (
        "db-pool-bench lifecycle",
        "connections opened, closed, leaked; their cost",
    ),
    (
        "db-pool-bench observe",
        "a server under its own load: waits, statements",
    ),
    (
        "redis-bench cache",
        "a cache, pooled and multiplexed: hits, latency",
    ),
    (
        "redis-bench burst",
        "a cache in a spike: backlog, time to recover",
    ),
    (
        "redis-bench replay",
        "a trace at its own times: hits, latency, lag",
    ),
    ("redis-bench pool", "ways to connect by plain throughput"),
    (
        "redis-bench memory",
        "bytes of a key by type and size, and predicted",
    ),
    (
        "redis-bench rate-limit",
        "limiters: what they admit, and their cost",
    ),
    (
        "redis-bench session",
        "users' sessions: changes lost, log-outs undone",
    ),
    (
        "redis-bench observe",
        "a server under its own load: commands, hits",
    ),
    (
        "ws-bench limit",
        "how many connections hold, whose limit it is",
    ),
    (
        "ws-bench throughput",
        "messages per second, round trips, losses",
    ),
    ("sysmon record", "what the machine did meanwhile"),
    (
        "bottleneck-analyzer analyze",
        "what limits the system, and what to promise",
    ),
];

/// Returns the text of `plimsoll list`: the profiles with their components, then the scenarios.
///
/// # Errors
/// Fails only if the built-in profiles cannot be parsed.
pub(crate) fn text() -> anyhow::Result<String> {
    let mut text = String::from("Profiles (plimsoll run --profile NAME)\n");
    for profile in profile::all()? {
        text.push_str(&format!("  {:<8} {}\n", profile.name, profile.about));
        for component in &profile.components {
            text.push_str(&format!(
                "           {} {} (about {})\n",
                component.tool,
                component.scenario,
                about(component.about_s)
            ));
        }
    }
    text.push_str("\nScenarios\n");
    for (name, answers) in SCENARIOS {
        text.push_str(&format!("  {name:<28} {answers}\n"));
    }
    Ok(text)
}

fn about(seconds: u64) -> String {
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{} min", (seconds + 30) / 60)
    }
}
