//! CPU time of the server's processes, if the server runs on this machine and they are visible:
//! time on a CPU, and time ready to run without one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bench_report::names::postgres;
use bench_report::names::postgres_tables::processes;
use bench_report::{EvidenceRow, ServerEvidence};
use host_metrics::Masking;
use host_metrics::source::KernelUnits;
use host_metrics::source::cgroup::quota_use;
use host_metrics::source::process::{AllowedCores, ProcessDirectory};

use crate::failure::from_postgres;
use crate::server::client::Client;
use crate::server::control_group::ServerThrottling;
use crate::server::foreign_text::text;
use crate::sessions::scope::Scope;

/// Largest share of the server's CPU time that ended processes may have used. Above it, the load's
/// CPU time is reported as unknown.
const MOST_ENDED: f64 = 0.1;
/// Query of type and application of each backend. Processes that the server does not list are known
/// only from the operating system.
const QUERY: &str =
    "SELECT /* plimsoll evidence */ pid, backend_type, application_name FROM pg_stat_activity";
/// Backend type in the evidence of a process that the server does not list.
const UNLISTED: &str = "other";

/// Processes of a PostgreSQL server on this machine, identified by the main process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerProcesses {
    postmaster: u32,
    /// Process id of the backend that serves this tool's own connection.
    backend: u32,
}

/// CPU time of one process so far, or over a time, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ProcessCpuTime {
    pub(crate) cpu: u64,
    /// Time in which the process was ready to run but had no CPU, in nanoseconds.
    pub(crate) ready: u64,
}

/// Backend type and application name of the server's processes, by process id.
pub(crate) type ProcessNames = BTreeMap<u32, (String, String)>;

/// CPU times of the server's processes at one instant.
#[derive(Debug, Clone)]
pub(crate) struct ProcessSnapshot {
    pub(crate) at: Instant,
    alive: BTreeMap<u32, ProcessCpuTime>,
    /// CPU time of all ended child processes of the main process, in nanoseconds.
    ended_ns: u64,
    /// CPU time of the backend of this tool's own connection, in nanoseconds.
    pub(crate) own_ns: u64,
    /// Cores that the server's processes and the load may use; `None` if the kernel does not report them.
    cores: Option<AllowedCores>,
    throttling: Result<ServerThrottling, String>,
}

impl ServerProcesses {
    /// Finds the processes of the server behind `client`. A process with the backend's id belongs
    /// to this server only if its title has the port of this client, or `[local]`; on another
    /// machine or in another container, it is a different process.
    ///
    /// # Errors
    /// Fails with a reason if the processes are not visible from here.
    pub(crate) async fn of(client: &Client) -> Result<Self, String> {
        let hidden = "the server's processes cannot be seen from here";
        let asked = client
            .query_one(
                "SELECT /* plimsoll */ pg_backend_pid(), inet_client_port()",
                &[],
            )
            .await;
        let row = asked.map_err(|error| from_postgres(&error).to_string())?;
        let backend: i32 = row.try_get(0).map_err(|error| error.to_string())?;
        let port: Option<i32> = row.try_get(1).map_err(|error| error.to_string())?;
        let sign = port.map_or("[local]".to_owned(), |port| format!("({port})"));
        let backend = backend.unsigned_abs();
        let directory = ProcessDirectory::new(backend);
        let title = directory.command_line(Masking::EVERYTHING).ok().flatten();
        if !title.is_some_and(|title| title.any_word(|word| word.contains(&sign))) {
            return Err(hidden.to_owned());
        }
        let sample = directory.sample(KernelUnits::host(), Masking::EVERYTHING);
        let processes = Self {
            postmaster: sample.map_err(|_| hidden.to_owned())?.parent,
            backend,
        };
        processes.snapshot().map(|_| processes)
    }

    /// Returns the CPU time that the backend of this tool's connection has used so far, in
    /// nanoseconds. Fails with a reason if it is not visible.
    pub(crate) fn own_cpu(self) -> Result<u64, String> {
        let own = spent_by(self.backend).ok_or("our own backend is out of sight")?;
        Ok(own.cpu)
    }

    /// Reads the CPU times of the main process and its children. Fails with a reason if they are
    /// not visible.
    pub(crate) fn snapshot(self) -> Result<ProcessSnapshot, String> {
        let main = self.postmaster;
        let directory = ProcessDirectory::new(main);
        let children = directory
            .children(main)
            .map_err(|error| error.to_string())?;
        let sample = directory.sample(KernelUnits::host(), Masking::EVERYTHING);
        let sample = sample.map_err(|error| error.to_string())?;
        let spent = |pid: u32| Some((pid, spent_by(pid)?));
        let alive: BTreeMap<u32, ProcessCpuTime> = std::iter::once(main)
            .chain(children)
            .filter_map(spent)
            .collect();
        if alive.is_empty() {
            return Err(format!(
                "the kernel does not tell the CPU time of process {main}"
            ));
        }
        Ok(ProcessSnapshot {
            at: Instant::now(),
            alive,
            ended_ns: sample.children_cpu_ns.unwrap_or(0),
            own_ns: self.own_cpu()?,
            cores: AllowedCores::read(&ProcessDirectory::new(self.backend)),
            throttling: quota_use(main)
                .map(ServerThrottling::from)
                .map_err(|error| error.to_string()),
        })
    }

    /// Returns type and application of the server's processes, and of the main process, which the
    /// server does not list. Fails with a message if the query does.
    pub(crate) async fn names(self, client: &Client) -> Result<ProcessNames, String> {
        let message = |error: tokio_postgres::Error| from_postgres(&error).to_string();
        let mut names =
            ProcessNames::from([(self.postmaster, ("postmaster".to_owned(), String::new()))]);
        for row in client.query(QUERY, &[]).await.map_err(message)? {
            let pid: Option<i32> = row.try_get(0).map_err(message)?;
            let hidden = || "hidden".to_owned();
            let of: Option<String> = row.try_get(1).map_err(message)?;
            let application = text(&row, 2).map_err(message)?;
            if let Some(pid) = pid {
                names.insert(pid.unsigned_abs(), (of.unwrap_or_else(hidden), application));
            }
        }
        Ok(names)
    }
}

impl ProcessSnapshot {
    /// Writes the CPU time since `before` into `evidence`: in all, of the load's sessions, and by
    /// type and application of the processes. `run` is the name of the run.
    pub(crate) fn report_since(
        &self,
        before: &Self,
        names: &ProcessNames,
        (scope, run): (&Scope, &str),
        evidence: &mut ServerEvidence,
    ) {
        let elapsed = (self.at - before.at).max(Duration::from_nanos(1));
        let own = self.own_ns.saturating_sub(before.own_ns) as f64;
        evidence.figure(postgres::WATCH_CPU_RATIO, own / elapsed.as_nanos() as f64);
        let ended = self.ended_since(before);
        let mut kinds: BTreeMap<(String, String), (u64, ProcessCpuTime)> = BTreeMap::new();
        let mut all_ns = ended;
        for (pid, now) in &self.alive {
            let spent = now.since(before.alive.get(pid).copied().unwrap_or_default());
            all_ns += spent.cpu;
            let (of, application) = names
                .get(pid)
                .map_or((UNLISTED, ""), |(of, application)| (of, application));
            let key = (of.to_owned(), scope.label(application, run));
            let kind = kinds.entry(key).or_default();
            kind.0 += 1;
            kind.1 = kind.1.plus(spent);
        }
        evidence.figure(postgres::SERVER_CPU_NS, all_ns as f64);
        if scope.application().is_some() {
            load(&kinds, ended as f64 / all_ns.max(1) as f64, evidence);
        }
        let rows = kinds.iter().map(|((of, application), (count, spent))| {
            row(
                of,
                application,
                *count as f64,
                (spent.cpu, spent.ready as f64),
            )
        });
        let unknown = f64::NAN;
        let ended = (ended > 0).then(|| row("ended", "", unknown, (ended, unknown)));
        evidence.table(processes::TABLE, rows.chain(ended).collect());
        if let Some(cores) = self.cores.filter(|_| self.cores == before.cores) {
            evidence.figure(postgres::CORES_ALLOWED, cores.server as f64);
            evidence.figure(postgres::CORES_ALLOWED_EITHER, cores.either as f64);
        }
        self.report_throttling(before, evidence);
    }

    /// Returns the CPU time in nanoseconds that processes which have ended since `before` used
    /// between `before` and their exit.
    fn ended_since(&self, before: &Self) -> u64 {
        let gone = before
            .alive
            .iter()
            .filter(|(pid, _)| !self.alive.contains_key(pid));
        let known: u64 = gone.map(|(_, spent)| spent.cpu).sum();
        let ended = self.ended_ns.saturating_sub(before.ended_ns);
        ended.saturating_sub(known)
    }

    fn report_throttling(&self, before: &Self, evidence: &mut ServerEvidence) {
        match (&self.throttling, &before.throttling) {
            (Ok(now), Ok(then)) => now.report_since(then, evidence),
            (Err(reason), _) | (_, Err(reason)) => {
                let entry = evidence.unavailable.entry("server.cgroup".to_owned());
                entry.or_insert_with(|| reason.clone());
            }
        }
    }
}

/// Writes the CPU time of the load's sessions and their parallel workers into `evidence`; if it is
/// not known well enough, the reason. `ended` is the share of the server's CPU time, from 0 to 1,
/// of processes that have exited, which may belong to the load or not.
fn load(
    kinds: &BTreeMap<(String, String), (u64, ProcessCpuTime)>,
    ended: f64,
    evidence: &mut ServerEvidence,
) {
    if ended > MOST_ENDED {
        let percent = ended * 100.0;
        let reason = format!(
            "{percent:.0} % of the server's CPU time was that of processes that ended meanwhile"
        );
        for name in [postgres::SERVER_LOAD_CPU_NS, postgres::SERVER_LOAD_READY_NS] {
            evidence
                .unavailable
                .insert(name.to_string(), reason.clone());
        }
        return;
    }
    let ours = kinds
        .iter()
        .filter(|((_, application), _)| application == "ours");
    let spent = ours.fold(ProcessCpuTime::default(), |sum, (_, (_, spent))| {
        sum.plus(*spent)
    });
    evidence.figure(postgres::SERVER_LOAD_CPU_NS, spent.cpu as f64);
    evidence.figure(postgres::SERVER_LOAD_READY_NS, spent.ready as f64);
}

fn row(of: &str, application: &str, count: f64, (cpu, ready): (u64, f64)) -> EvidenceRow {
    EvidenceRow::new(
        [
            (processes::BACKEND_TYPE, of.to_owned()),
            (processes::APPLICATION, application.to_owned()),
        ],
        [
            (processes::COUNT, count),
            (processes::CPU_NS, cpu as f64),
            (processes::READY_NS, ready),
        ],
    )
}

impl ProcessCpuTime {
    fn since(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            ready: self.ready.saturating_sub(before.ready),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            ready: self.ready + other.ready,
        }
    }
}

fn spent_by(pid: u32) -> Option<ProcessCpuTime> {
    let times = ProcessDirectory::new(pid).schedule().ok()?;
    Some(ProcessCpuTime {
        cpu: times.ran_ns,
        ready: times.ready_ns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(alive: &[(u32, u64)], ended_ns: u64) -> ProcessSnapshot {
        let spent = |&(pid, cpu): &(u32, u64)| {
            (
                pid,
                ProcessCpuTime {
                    cpu,
                    ready: 2 * cpu,
                },
            )
        };
        ProcessSnapshot {
            at: Instant::now(),
            alive: alive.iter().map(spent).collect(),
            ended_ns,
            own_ns: 0,
            cores: Some(AllowedCores {
                server: 1,
                either: 2,
            }),
            throttling: Err("no control group here".to_owned()),
        }
    }

    fn reported(before: &ProcessSnapshot, after: &ProcessSnapshot) -> ServerEvidence {
        let client = |application: &str| ("client backend".to_owned(), application.to_owned());
        let names = ProcessNames::from([
            (1, ("postmaster".to_owned(), String::new())),
            (2, client("load")),
            (4, client("report")),
        ]);
        let scope = Scope::Application("load".to_owned());
        let mut evidence = ServerEvidence::default();
        after.report_since(before, &names, (&scope, "load"), &mut evidence);
        evidence
    }

    #[test]
    fn time_is_told_by_who_spent_it_and_a_new_process_counts_whole() {
        let before = snapshot(&[(1, 100), (2, 500)], 0);
        let evidence = reported(&before, &snapshot(&[(1, 150), (2, 800), (4, 7)], 0));
        assert_eq!(evidence.figures["server.cpu_ns"], 357.0);
        assert_eq!(evidence.figures["server.load_cpu_ns"], 300.0);
        assert_eq!(evidence.figures["server.load_ready_ns"], 600.0);
        let table = &evidence.tables["processes"];
        let of = |application: &str| {
            table
                .iter()
                .find(|row| row.labels["application"] == application)
        };
        assert_eq!(of("report").unwrap().figures["cpu_ns"], 7.0);
        assert_eq!(of("ours").unwrap().figures["count"], 1.0);
        assert!(evidence.unavailable["server.cgroup"].contains("no control group"));
        assert_eq!(evidence.figures["cores_allowed"], 1.0);
        assert_eq!(evidence.figures["cores_allowed_either"], 2.0);
    }

    /// Covers a load that opens a connection for each call, whose backends have ended when they
    /// could be examined.
    #[test]
    fn processes_that_ended_count_for_the_server_and_leave_the_loads_share_unknown() {
        let before = snapshot(&[(1, 100), (2, 500), (3, 40)], 1_000);
        let after = snapshot(&[(1, 100), (2, 500)], 1_000 + 40 + 60);
        let evidence = reported(&before, &after);
        assert_eq!(evidence.figures["server.cpu_ns"], 60.0);
        assert!(!evidence.figures.contains_key("server.load_cpu_ns"));
        assert!(evidence.unavailable["server.load_cpu_ns"].contains("100 %"));
    }
}
