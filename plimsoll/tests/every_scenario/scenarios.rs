//! The scenarios with load, and the checks that do not hold for them yet.

/// One scenario with load.
pub(crate) struct Scenario {
    pub(crate) bench: &'static str,
    pub(crate) name: &'static str,
    /// Flags of a light load that fails nothing on a server that answers.
    pub(crate) flags: &'static str,
    /// Flags of a run that ends by itself after about a second.
    pub(crate) brief: &'static str,
    /// Flags of a run that would go on for longer than its server is watched.
    pub(crate) long: &'static str,
    /// Beginning of the progress line after which requests are under way.
    pub(crate) under_load: &'static str,
}

impl Scenario {
    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.bench, self.name)
    }
}

pub(crate) const SCENARIOS: [Scenario; 7] = [
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
        name: "pool",
        flags: "--users 2 --think-time 5ms --warmup 0 --repeats 1",
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
];

/// Subcommands that make no load.
pub(crate) const WITHOUT_LOAD: [&str; 7] = [
    "db-pool-bench generate",
    "db-pool-bench observe",
    "db-pool-bench workload",
    "redis-bench generate",
    "ws-bench generate",
    "ws-bench serve",
    "help",
];

/// Checks that do not hold yet, as scenario, check, and the assertion that is missing.
pub(crate) const KNOWN_GAPS: [(&str, &str, &str); 0] = [];
