//! Cause that a test plants, and the finding that the analyzer must report first; each was declared
//! before its first run.

/// Planted cause: the expected finding, and how the cause is created.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planting {
    /// Name that PostgreSQL, the SQL standard or the machine gives the cause, for example
    /// `Lock:tuple`.
    pub(crate) name: &'static str,
    pub(crate) declared: Declared,
    /// Settings of the throwaway server, as name and value.
    pub(crate) server: &'static [(&'static str, &'static str)],
    /// SQL that is executed once before the load.
    pub(crate) setup: &'static str,
    /// Script that each user of the load repeats, in pgbench's language.
    pub(crate) script: &'static str,
    pub(crate) load: Load,
    pub(crate) beside: &'static [Beside],
}

/// Declared finding, which must come first among all findings whose kind is not information.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared {
    /// Name of the rule that reports the finding; the finding's id begins with it.
    pub(crate) finding: &'static str,
    /// Texts that the finding must contain, all of them, in upper or lower case.
    pub(crate) things: &'static [&'static str],
    /// Expected impact of the finding, from 0 to 1, as a share of the response time, the capacity
    /// or the requests.
    pub(crate) impact: f64,
    /// Largest permitted difference between the measured impact and `impact`.
    pub(crate) tolerance: f64,
}

/// Load under which the cause takes effect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) users: u32,
    pub(crate) pool: u32,
    /// Arrivals per second in an open loop; `None` for a closed loop, in which users wait for their
    /// answers.
    pub(crate) rate: Option<u32>,
    pub(crate) driver: &'static str,
    /// Delay of data between the load and the server in each direction, with its unit, as
    /// `--network-delay` takes it.
    pub(crate) network_delay: &'static str,
}

/// Load of eight users in a closed loop on a pool with a connection for each.
pub(crate) const EIGHT: Load = Load {
    users: 8,
    pool: 8,
    rate: None,
    driver: "deadpool",
    network_delay: "0",
};

/// Disturbance that runs at the same time as the load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Beside {
    /// Sessions of an application with this name, each of which repeats a pgbench script.
    Sessions {
        application: &'static str,
        clients: u32,
        script: &'static str,
    },
    /// Processes with this program name that each keep one CPU busy.
    Burners { name: &'static str, count: u32 },
    /// Processes with this program name that write files to the disk and wait until each is stored.
    Writers { name: &'static str, count: u32 },
    /// CPU quota: the server's processes are in a control group that may use this number of cores.
    Quota { cores: f64 },
    /// Stops of the server: all of its processes are stopped for the last `stopped_ms` milliseconds
    /// of every `every_ms`.
    Stops { every_ms: u64, stopped_ms: u64 },
    /// Synchronous standby, a receiver of the write-ahead log, that is stopped for the last
    /// `stopped_ms` milliseconds of every `every_ms`.
    Standby { every_ms: u64, stopped_ms: u64 },
}

impl Planting {
    /// Creates a planting on a server without parallel queries, with eight users in a closed loop
    /// and no disturbance.
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

    /// Returns the declaration as a row of the Markdown table in the documentation, with impact and
    /// tolerance in percent.
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
