//! Checks of this machine and its servers for anything that would spoil a run, each with a remedy.

use std::path::Path;

use bench_report::Environment;

use crate::server_check::{self, ServerCheck};

/// Severity of an observation: its consequence for a run. A later variant is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The observation needs no action.
    Fine,
    /// A run is possible, but some of its figures will be doubtful, or some limits low.
    Doubtful,
    /// A run of all components is not possible.
    Prevents,
}

/// Result of one check of the machine or of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// Subject of the check, as shown to the user, for example `memory`.
    pub(crate) what: &'static str,
    /// Consequence of the observation for a run.
    pub(crate) severity: Severity,
    /// Observation in words, as shown to the user.
    pub(crate) seen: String,
    /// Remedy as shown to the user; empty if no action is needed.
    pub(crate) remedy: String,
}

impl Check {
    fn fine(what: &'static str, seen: impl Into<String>) -> Self {
        Self {
            what,
            severity: Severity::Fine,
            seen: seen.into(),
            remedy: String::new(),
        }
    }

    fn doubtful(what: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what,
            severity: Severity::Doubtful,
            seen: seen.into(),
            remedy: remedy.into(),
        }
    }

    fn prevents(what: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what,
            severity: Severity::Prevents,
            seen: seen.into(),
            remedy: remedy.into(),
        }
    }
}

/// URLs of the user's servers, from environment variables. A run starts a throwaway server of each
/// kind that has none.
#[derive(Debug, Default)]
pub(crate) struct NamedServers {
    postgres: Option<String>,
    redis: Option<String>,
    websocket: Option<String>,
}

impl NamedServers {
    /// Reads `DATABASE_URL`, `REDIS_URL` and `WS_URL`, as `plimsoll run` does. An empty variable
    /// counts as absent.
    pub(crate) fn from_environment() -> Self {
        let named = |name| std::env::var(name).ok().filter(|url| !url.is_empty());
        Self {
            postgres: named("DATABASE_URL"),
            redis: named("REDIS_URL"),
            websocket: named("WS_URL"),
        }
    }
}

/// Runs all checks and returns their results in the order in which they are shown. `root` is `/`;
/// tests use a directory with files like those of `/proc`. Checks whose files cannot be read are
/// left out or doubtful. Connects to the servers that `servers` names.
pub(crate) fn examine(
    root: &Path,
    environment: &Environment,
    servers: &NamedServers,
) -> Vec<Check> {
    let mut checks = vec![cores(environment), memory(root), descriptors(environment)];
    checks.extend(ports(root));
    checks.extend(busy(root, environment));
    checks.extend(clock(environment));
    checks.extend(swap(root));
    checks.push(match &servers.postgres {
        Some(url) => reached("PostgreSQL", "DATABASE_URL", server_check::postgres(url)),
        None => server("PostgreSQL", testbed::find_postgres()),
    });
    checks.push(match &servers.redis {
        Some(url) => reached("Redis", "REDIS_URL", server_check::redis(url)),
        None => server("Redis", testbed::find_redis()),
    });
    let websocket = servers.websocket.as_deref();
    checks
        .extend(websocket.map(|url| reached("WebSocket", "WS_URL", server_check::websocket(url))));
    checks.extend(
        [
            "db-pool-bench",
            "redis-bench",
            "ws-bench",
            "sysmon",
            "bottleneck-analyzer",
        ]
        .into_iter()
        .filter_map(tool),
    );
    checks
}

fn cores(environment: &Environment) -> Check {
    match environment.cores_available {
        None => Check::doubtful("cores", "unknown", "read `nproc`"),
        Some(1) => Check::doubtful(
            "cores",
            "1: generator and server take turns on it",
            "use a machine with two or more cores",
        ),
        Some(n) => Check::fine("cores", format!("{n}")),
    }
}

fn memory(root: &Path) -> Check {
    const WANTED_KIB: u64 = 1 << 20;
    match meminfo(root, "MemAvailable:") {
        None => Check::doubtful("memory", "unknown", "read `free -m`"),
        Some(kib) if kib < WANTED_KIB => Check::doubtful(
            "memory",
            format!("{} MiB available", kib >> 10),
            "close other programs: throwaway servers take about 1 GiB",
        ),
        Some(kib) => Check::fine("memory", format!("{} MiB available", kib >> 10)),
    }
}

fn meminfo(root: &Path, key: &str) -> Option<u64> {
    let text = read(root, "proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn descriptors(environment: &Environment) -> Check {
    const WANTED: u64 = 10_000;
    match (environment.nofile_soft, environment.nofile_hard) {
        (Some(_), Some(hard)) if hard >= WANTED => {
            Check::fine("open files", format!("up to {hard}"))
        }
        (_, Some(hard)) => Check::doubtful(
            "open files",
            format!("at most {hard}: ws-bench ends there, by our own limit"),
            format!("ulimit -Hn {WANTED} as root, or nofile in /etc/security/limits.conf"),
        ),
        _ => Check::doubtful("open files", "unknown", "read `ulimit -Hn`"),
    }
}

fn ports(root: &Path) -> Option<Check> {
    const WANTED: u64 = 20_000;
    let range = read(root, "proc/sys/net/ipv4/ip_local_port_range")?;
    let mut bounds = range
        .split_whitespace()
        .filter_map(|n| n.parse::<u64>().ok());
    let (low, high) = (bounds.next()?, bounds.next()?);
    let count = (high + 1).saturating_sub(low);
    Some(if count >= WANTED {
        Check::fine("local ports", format!("{count}"))
    } else {
        Check::doubtful(
            "local ports",
            format!("{count} ({low}–{high}): connections to one address end there"),
            "sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
        )
    })
}

/// Checks that the load average of the last minute is at most 0.3 per core; `None` if the load or
/// the number of cores cannot be read.
fn busy(root: &Path, environment: &Environment) -> Option<Check> {
    let load: f64 = read(root, "proc/loadavg")?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    let cores = environment.cores_available? as f64;
    let seen = format!("load {load:.2} on {cores} cores");
    Some(if load > 0.3 * cores {
        Check::doubtful(
            "other work",
            seen,
            "end other programs, or wait until they are done",
        )
    } else {
        Check::fine("other work", seen)
    })
}

fn clock(environment: &Environment) -> Option<Check> {
    let source = environment.clock_source.as_deref()?;
    Some(match source {
        "tsc" | "kvm-clock" | "arch_sys_counter" | "hyperv_clocksource_tsc_page" => {
            Check::fine("clock", source)
        }
        _ => Check::doubtful(
            "clock",
            format!("{source}: each reading of it costs a system call"),
            "boot with clocksource=tsc where the processor has a stable one",
        ),
    })
}

fn swap(root: &Path) -> Option<Check> {
    let used = meminfo(root, "SwapTotal:")?.saturating_sub(meminfo(root, "SwapFree:")?);
    Some(if used > 64 << 10 {
        Check::doubtful(
            "swap",
            format!("{} MiB in use", used >> 10),
            "free memory, then: swapoff -a && swapon -a",
        )
    } else {
        Check::fine("swap", "not in use")
    })
}

fn server<T: AsRef<Path>>(what: &'static str, found: Result<T, testbed::TestbedError>) -> Check {
    match found {
        Ok(path) => Check::fine(what, path.as_ref().display().to_string()),
        Err(error) => Check::prevents(
            what,
            error.to_string(),
            "make servers, or give a URL of your own",
        ),
    }
}

/// Converts the result of checking a server of the user, whose URL is in the environment variable
/// `variable`.
fn reached(what: &'static str, variable: &str, reached: ServerCheck) -> Check {
    match reached {
        ServerCheck::Usable(seen) => Check::fine(what, format!("{variable} {seen}")),
        ServerCheck::PartlyChecked(seen) => Check::doubtful(
            what,
            format!("{variable} {seen}"),
            "a short run: plimsoll run --profile smoke",
        ),
        ServerCheck::Unusable { reason, remedy } => {
            Check::prevents(what, format!("{variable}: {reason}"), remedy)
        }
    }
}

fn tool(name: &'static str) -> Option<Check> {
    let error = crate::tool_process::sibling(name).err()?;
    Some(Check::prevents(
        name,
        error.to_string(),
        "cargo build --release",
    ))
}

fn read(root: &Path, path: &str) -> Option<String> {
    std::fs::read_to_string(root.join(path)).ok()
}

/// Returns the text of `plimsoll doctor`, and true if no check found that a run is impossible.
pub(crate) fn text(checks: &[Check]) -> (String, bool) {
    let mut text = String::new();
    for check in checks {
        let mark = match check.severity {
            Severity::Fine => "ok      ",
            Severity::Doubtful => "doubtful",
            Severity::Prevents => "prevents",
        };
        text.push_str(&format!("{mark}  {:<12} {}\n", check.what, check.seen));
        if !check.remedy.is_empty() {
            text.push_str(&format!("{:10}try: {}\n", "", check.remedy));
        }
    }
    let worst = checks
        .iter()
        .map(|c| c.severity)
        .max()
        .unwrap_or(Severity::Fine);
    text.push_str(match worst {
        Severity::Fine => "Nothing here would spoil a run.\n",
        Severity::Doubtful => {
            "A run can be made; what is doubtful above will show in its warnings.\n"
        }
        Severity::Prevents => {
            "A run of all components cannot be made until what prevents it above is mended.\n"
        }
    });
    (text, worst < Severity::Prevents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn severity(checks: &[Check], what: &str) -> Option<Severity> {
        checks.iter().find(|c| c.what == what).map(|c| c.severity)
    }

    #[test]
    fn each_thing_that_spoils_a_run_is_found_with_its_remedy() {
        let root = tree(&[
            (
                "proc/meminfo",
                "MemAvailable: 1000 kB\nSwapTotal: 900000 kB\nSwapFree: 0 kB\n",
            ),
            ("proc/loadavg", "1.80 1.0 1.0 1/1 1"),
            ("proc/sys/net/ipv4/ip_local_port_range", "32768\t33000\n"),
        ]);
        let environment = Environment {
            cores_available: Some(2),
            nofile_soft: Some(1024),
            nofile_hard: Some(4096),
            clock_source: Some("hpet".to_owned()),
            ..Environment::default()
        };
        let checks = examine(root.path(), &environment, &NamedServers::default());
        for what in [
            "memory",
            "open files",
            "local ports",
            "other work",
            "clock",
            "swap",
        ] {
            assert_eq!(severity(&checks, what), Some(Severity::Doubtful), "{what}");
            assert!(
                checks
                    .iter()
                    .any(|c| c.what == what && !c.remedy.is_empty())
            );
        }
        assert_eq!(severity(&checks, "cores"), Some(Severity::Fine));
    }

    #[test]
    fn a_machine_without_proc_is_unknown_and_not_fine() {
        let root = tree(&[]);
        let checks = examine(
            root.path(),
            &Environment::default(),
            &NamedServers::default(),
        );
        assert_eq!(severity(&checks, "memory"), Some(Severity::Doubtful));
        assert_eq!(severity(&checks, "local ports"), None);
    }

    #[test]
    fn a_server_that_cannot_be_reached_prevents_a_run_and_is_named() {
        let root = tree(&[]);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let servers = NamedServers {
            websocket: Some(format!("ws://127.0.0.1:{port}/")),
            ..NamedServers::default()
        };
        let checks = examine(root.path(), &Environment::default(), &servers);
        let check = checks.iter().find(|c| c.what == "WebSocket").unwrap();
        assert_eq!(check.severity, Severity::Prevents, "{check:?}");
        assert!(
            check.seen.contains("WS_URL") && check.seen.contains("refused"),
            "{check:?}"
        );
        let (text, can_run) = text(&checks);
        assert!(!can_run && !text.contains("A run can be made"), "{text}");
    }

    #[test]
    fn what_is_missing_prevents_a_run() {
        let checks = [
            Check::fine("cores", "2"),
            Check::prevents("Redis", "not found", "make servers"),
        ];
        let (text, can_run) = text(&checks);
        assert!(!can_run && text.contains("make servers"), "{text}");
    }
}
