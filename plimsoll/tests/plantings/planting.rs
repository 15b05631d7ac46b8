//! Cause that is planted, and what the analyzer must say about it; declared before its first run.

/// Kind of cause, with its declaration and the way to plant it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planting {
    /// Name that PostgreSQL, the SQL standard or the machine gives it.
    pub(crate) name: &'static str,
    pub(crate) declared: Declared,
    /// Settings of the throwaway server.
    pub(crate) server: &'static [(&'static str, &'static str)],
    /// SQL that is executed before the load.
    pub(crate) setup: &'static str,
    /// Script of each user, in pgbench's language.
    pub(crate) script: &'static str,
    pub(crate) load: Load,
    pub(crate) beside: &'static [Beside],
}

/// Finding that must come first among all that are more than information.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared {
    /// Rule of the finding, with which its id begins.
    pub(crate) finding: &'static str,
    /// Words that the finding must contain, all of them.
    pub(crate) things: &'static [&'static str],
    /// Impact of the finding, as a share of the response time, the capacity or the requests.
    pub(crate) impact: f64,
    /// Largest difference between the measured impact and `impact`.
    pub(crate) tolerance: f64,
}

/// Load under which the cause takes effect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) users: u32,
    pub(crate) pool: u32,
    /// Arrivals per second; if absent, users wait for their answers in a closed loop.
    pub(crate) rate: Option<u32>,
    pub(crate) driver: &'static str,
    /// Delay in each direction between the load and the server.
    pub(crate) network_delay: &'static str,
}

/// Eight users on a pool with a connection for each.
pub(crate) const EIGHT: Load = Load {
    users: 8,
    pool: 8,
    rate: None,
    driver: "deadpool",
    network_delay: "0",
};

/// Disturbance at the same time as the load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Beside {
    /// Sessions of an application of this name, which execute a pgbench script again and again.
    Sessions {
        application: &'static str,
        clients: u32,
        script: &'static str,
    },
    /// Processes of this name that each keep a CPU busy.
    Burners { name: &'static str, count: u32 },
    /// Processes of this name that write files to the disk and wait for each write.
    Writers { name: &'static str, count: u32 },
    /// The server's processes are in a control group that may use this number of cores.
    Quota { cores: f64 },
    /// All of the server's processes are stopped for `stopped_ms` of every `every_ms`.
    Stops { every_ms: u64, stopped_ms: u64 },
    /// The synchronous standby is a receiver of the write-ahead log that is stopped for `stopped_ms` of every
    /// `every_ms`.
    Standby { every_ms: u64, stopped_ms: u64 },
}

impl Planting {
    /// Creates a planting on a server without parallel queries, with eight users and no disturbance.
    pub(crate) const fn plain(
        name: &'static str,
        (finding, things): (&'static str, &'static [&'static str]),
        (impact, tolerance): (f64, f64),
        setup: &'static str,
        script: &'static str,
    ) -> Self {
        Self {
            name,
            declared: Declared {
                finding,
                things,
                impact,
                tolerance,
            },
            server: &[("max_parallel_workers_per_gather", "0")],
            setup,
            script,
            load: EIGHT,
            beside: &[],
        }
    }

    /// Returns the declaration as a row of the table in the documentation.
    pub(crate) fn row(&self) -> String {
        let Declared {
            finding,
            things,
            impact,
            tolerance,
        } = self.declared;
        format!(
            "| {} | `{finding}` | {} | {:.0} % ± {:.0} |",
            self.name,
            things.join(", "),
            impact * 100.0,
            tolerance * 100.0
        )
    }
}
