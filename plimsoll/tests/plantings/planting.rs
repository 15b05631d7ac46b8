//! One cause that is planted, with what the analyzer must say of it: declared before its first run.

/// A kind of cause with its declaration and the way to plant it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planting {
    /// As PostgreSQL, the SQL standard or the machine calls it.
    pub(crate) name: &'static str,
    pub(crate) declared: Declared,
    /// Settings of the throwaway server.
    pub(crate) server: &'static [(&'static str, &'static str)],
    /// SQL that is run before the load.
    pub(crate) setup: &'static str,
    /// Each user's script, in pgbench's language.
    pub(crate) script: &'static str,
    pub(crate) load: Load,
    pub(crate) beside: &'static [Beside],
}

/// The finding that must come first among all that are no mere information.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared {
    /// Its rule: what its id begins with.
    pub(crate) finding: &'static str,
    /// Words that it must name, all of them.
    pub(crate) things: &'static [&'static str],
    /// Its impact, as a share of the response time, the capacity or the requests.
    pub(crate) impact: f64,
    /// Largest distance of its impact from that.
    pub(crate) tolerance: f64,
}

/// The load that meets the cause.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) users: u32,
    pub(crate) pool: u32,
    /// Arrivals per second; without it users wait for their answers and come again.
    pub(crate) rate: Option<u32>,
    pub(crate) driver: &'static str,
    /// Added to each way to the server.
    pub(crate) network_delay: &'static str,
}

/// Eight users on a pool that has a connection for each.
pub(crate) const EIGHT: Load = Load {
    users: 8,
    pool: 8,
    rate: None,
    driver: "deadpool",
    network_delay: "0",
};

/// Somebody or something beside the load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Beside {
    /// Sessions of an application of this name that run a script of pgbench's again and again.
    Sessions {
        application: &'static str,
        clients: u32,
        script: &'static str,
    },
    /// Processes of this name that keep a CPU busy each.
    Burners { name: &'static str, count: u32 },
    /// Processes of this name that write files to the disk and wait for it each time.
    Writers { name: &'static str, count: u32 },
    /// The server's processes are in a control group that may use this much of a CPU.
    Quota { cores: f64 },
    /// All of the server's processes stop for `stopped_ms` of every `every_ms`.
    Stops { every_ms: u64, stopped_ms: u64 },
    /// A receiver of the log as the synchronous standby, which stops for `stopped_ms` of every
    /// `every_ms`.
    Standby { every_ms: u64, stopped_ms: u64 },
}

impl Planting {
    /// Plants a cause on a server without parallel queries, with eight users and nothing beside them.
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

    /// The declaration as a row of the table in the documentation.
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
