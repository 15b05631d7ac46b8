//! Scenarios with load and their flags, and the checks that they do not pass yet.

/// Scenario with load: the program, the subcommand, and flags for the test.
pub(crate) struct Scenario {
    pub(crate) bench: &'static str,
    pub(crate) name: &'static str,
    /// Flags of a load so light that no request fails on a server that answers.
    pub(crate) flags: &'static str,
    /// Additional flags of a run that ends by itself after about a second.
    pub(crate) brief: &'static str,
    /// Additional flags of a run that lasts longer than the test observes it.
    pub(crate) long: &'static str,
    /// Beginning of the progress line that is printed just before the first request.
    pub(crate) under_load: &'static str,
}

impl Scenario {
    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.bench, self.name)
    }
}

pub(crate) const SCENARIOS: [Scenario; 12] = [
    Scenario {
        bench: "db-pool-bench",
        name: "sweep",
        flags: "--driver deadpool --pool-sizes 2 --rate 200 --workload checkout-only --warmup 0 \
                --repeats 1",
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "db-pool-bench",
        name: "scale",
        flags: "--driver deadpool --pool-size 2 --users 2 --think-time 5ms --warmup 0 --repeats 1 \
                --workload checkout-only",
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "db-pool-bench",
        name: "exhaust",
        flags: "--driver deadpool --pool-size 2 --holder slow-query --keep 500ms \
                --workload checkout-only",
        brief: "--duration 500ms",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "db-pool-bench",
        name: "lifecycle",
        flags: "--driver deadpool --pool-size 4 --peak-rate 400 --idle 500ms --workload checkout-only",
        brief: "--duration 500ms",
        long: "--duration 20s",
        under_load: "phase: measure deadpool",
    },
    Scenario {
        bench: "redis-bench",
        name: "cache",
        flags: "--client pooled --pool-size 2 --keys 100 --rate 200 --warmup 0 --repeats 1",
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "redis-bench",
        name: "burst",
        flags: "--client pooled --pool-size 2 --keys 100 --rate spike:200,400/300ms --storm 4 --warmup 0 --repeats 1",
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "redis-bench",
        name: "replay",
        flags: concat!(
            "--speed 100 --client pooled --pool-size 2 --repeats 1 --trace ",
            env!("CARGO_MANIFEST_DIR"),
            "/../redis-bench/src/replay/sample/zipf.oracleGeneral.zst"
        ),
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "redis-bench",
        name: "pool",
        flags: "--users 2 --think-time 5ms --warmup 0 --repeats 1",
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "redis-bench",
        name: "rate-limit",
        flags: "--algorithm gcra --users 2 --think-time 5ms --warmup 0 --repeats 1",
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "redis-bench",
        name: "session",
        flags: "--store string,hash --users 2 --think-time 5ms --warmup 0 --repeats 1",
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "ws-bench",
        name: "limit",
        flags: "--start 20 --max 20 --timeout 20s",
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
    Scenario {
        bench: "ws-bench",
        name: "throughput",
        flags: "--connections 10 --rate 200 --warmup 0 --timeout 20s",
        brief: "--duration 1s",
        long: "--duration 60s",
        under_load: "phase: measure",
    },
];

/// Subcommands that create no load, each after its program.
pub(crate) const WITHOUT_LOAD: [&str; 9] = [
    "db-pool-bench generate",
    "db-pool-bench observe",
    "db-pool-bench workload",
    "redis-bench generate",
    "redis-bench memory",
    "redis-bench observe",
    "ws-bench generate",
    "ws-bench serve",
    "help",
];

/// Known failures of checks: scenario, name of the check, and the promise that is not kept.
pub(crate) const KNOWN_GAPS: [(&str, &str, &str); 0] = [];
