//! Limits of this machine on the number of connections. They are read before the first connection
//! is opened, so that they are not mistaken for the server's.

use std::path::Path;

use bench_report::Cgroup;
use bench_report::{LimitOwner, Warning, WarningCode};
use host_metrics::source::memory::read_memory;

use crate::machine::kernel_limits;
use crate::machine::open_files::{opened_files, raise_limit};

/// Number of file descriptors of a process that are kept free for runtimes, timers and the report.
const SPARE_FILES: u64 = 64;
/// Number of ports that are kept free for other programs on this machine; at most a tenth of all
/// are.
const SPARE_PORTS: u64 = 1_000;
const SPARE_PORT_SHARE: u64 = 10;
/// Memory of one end of an open connection, in bytes: 7 KiB of this program for buffer and task,
/// and the kernel's memory for a socket with empty buffers.
const BYTES_PER_CONNECTION: u64 = 16 * 1024;
/// Share of the available memory that connections may use.
const MEMORY_SHARE: f64 = 0.8;

/// Limits of this machine on the number of connections. A limit that could not be read is `None`
/// and does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MachineLimits {
    /// Number of files that this process may have open, after the limit was raised.
    pub(crate) nofile: Option<u64>,
    /// Number of files that this process has open; 0 if it could not be read.
    pub(crate) open_files: u64,
    /// Highest limit of open files that the kernel allows to be set for a process.
    pub(crate) nr_open: Option<u64>,
    /// First and last port for outgoing connections; `None` if they are unknown.
    pub(crate) ports: Option<(u64, u64)>,
    pub(crate) available_bytes: Option<u64>,
}

impl MachineLimits {
    /// Raises the process's soft limit of open files to the hard one, then reads all limits. The
    /// available memory is at most the memory limit of the control group `cgroup`, if it has one.
    pub(crate) fn prepare(cgroup: Option<&Cgroup>) -> Self {
        let available = available_bytes();
        let proc = Path::new("/proc");
        let allowed = cgroup.and_then(|group| group.memory_limit_bytes);
        Self {
            nofile: raise_limit(),
            open_files: opened_files().unwrap_or(0),
            nr_open: kernel_limits::open_files_most(proc),
            ports: kernel_limits::local_ports(proc),
            available_bytes: match (available, allowed) {
                (Some(available), Some(allowed)) => Some(available.min(allowed)),
                (available, allowed) => available.or(allowed),
            },
        }
    }
}

fn available_bytes() -> Option<u64> {
    read_memory(Path::new("/proc")).ok()?.available_bytes
}

/// Location of the server, as far as it matters for the limits of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerPlacement {
    /// True if the server is on this machine, so that it shares the machine's memory with the load.
    pub(crate) local: bool,
    /// True if connections can use several local addresses, so that the ports of one do not limit
    /// their number.
    pub(crate) many_sources: bool,
}

/// Limit of this machine that is below the wanted number of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// Number of connections that the limit allows, in all processes together.
    pub(crate) fits: u64,
    pub(crate) owner: LimitOwner,
    /// Description of the limit with its figures, as part of a sentence.
    pub(crate) reason: String,
    /// Command or change that would raise the limit, as part of a sentence.
    pub(crate) remedy: String,
}

impl Shortage {
    /// Returns a warning for the report that `wanted` connections exceed the limit.
    pub(crate) fn warning(&self, wanted: u64) -> Warning {
        let message = format!(
            "{wanted} connections were asked for, {} fit: {}; {}",
            self.fits, self.reason, self.remedy
        );
        Warning::new(WarningCode::LimitTooLow, message)
            .with_figures(self.fits as f64, wanted as f64)
    }
}

/// Returns the limit of the machine that allows the fewest connections, if it does not allow
/// `wanted` connections in this number of `processes`; otherwise `None`. Each process has its own
/// limit of open files; ports and memory are those of the machine.
pub(crate) fn shortage(
    wanted: u64,
    machine: &MachineLimits,
    server: ServerPlacement,
    processes: u64,
) -> Option<Shortage> {
    let limits = [
        files(wanted, machine, processes),
        ports(machine, server, processes),
        memory(wanted, machine, server),
    ];
    let tightest = limits
        .into_iter()
        .flatten()
        .min_by_key(|limit| limit.fits)?;
    (tightest.fits < wanted).then_some(tightest)
}

fn files(wanted: u64, machine: &MachineLimits, processes: u64) -> Option<Shortage> {
    let nofile = machine.nofile?;
    let needed = wanted.div_ceil(processes) + machine.open_files + SPARE_FILES;
    let raise =
        format!("raise it for this shell with: sudo prlimit --pid $$ --nofile={needed}:{needed}");
    let remedy = match machine.nr_open {
        Some(nr_open) if needed > nr_open => {
            format!("allow it with: sudo sysctl -w fs.nr_open={needed}, then {raise}")
        }
        _ => raise,
    };
    Some(Shortage {
        fits: nofile.saturating_sub(machine.open_files + SPARE_FILES) * processes,
        owner: LimitOwner::Generator,
        reason: match processes {
            1 => format!("this process may open {nofile} files (nofile)"),
            _ => {
                format!("each of the {processes} worker processes may open {nofile} files (nofile)")
            }
        },
        remedy,
    })
}

fn ports(machine: &MachineLimits, server: ServerPlacement, processes: u64) -> Option<Shortage> {
    let (first, last) = machine.ports.filter(|_| !server.many_sources)?;
    let ports = (last + 1).saturating_sub(first);
    let remedy = if first > 1_024 || last < 65_535 {
        "widen it with: sudo sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\""
    } else {
        "run the bench from several machines, or give the server several addresses"
    };
    Some(Shortage {
        fits: ports - SPARE_PORTS.min(ports / SPARE_PORT_SHARE),
        owner: LimitOwner::Network,
        reason: format!(
            "one source address has the ports {first} to {last} (ip_local_port_range){}",
            if processes > 1 {
                ", which all worker processes share"
            } else {
                ""
            }
        ),
        remedy: remedy.to_owned(),
    })
}

fn memory(wanted: u64, machine: &MachineLimits, server: ServerPlacement) -> Option<Shortage> {
    let available = machine.available_bytes?;
    let each = BYTES_PER_CONNECTION * if server.local { 2 } else { 1 };
    let needed_mib = (wanted * each) as f64 / MEMORY_SHARE / f64::from(1 << 20);
    Some(Shortage {
        fits: (available as f64 * MEMORY_SHARE) as u64 / each,
        owner: LimitOwner::Generator,
        reason: format!("{} MiB of memory are available", available >> 20),
        remedy: format!("it takes about {needed_mib:.0} MiB: see what uses it with: free -m"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ServerPlacement = ServerPlacement {
        local: true,
        many_sources: true,
    };
    const ELSEWHERE: ServerPlacement = ServerPlacement {
        local: false,
        many_sources: false,
    };

    fn machine() -> MachineLimits {
        MachineLimits {
            nofile: Some(20_000),
            open_files: 20,
            nr_open: Some(1 << 20),
            ports: Some((32_768, 60_999)),
            available_bytes: Some(16 << 30),
        }
    }

    #[test]
    fn what_fits_is_no_shortage() {
        assert_eq!(shortage(10_000, &machine(), HERE, 1), None);
        assert_eq!(shortage(10_000, &machine(), ELSEWHERE, 1), None);
        assert_eq!(shortage(1 << 40, &MachineLimits::default(), HERE, 1), None);
    }

    #[test]
    fn too_few_files_are_ours_and_the_command_raises_them() {
        let limit = shortage(50_000, &machine(), HERE, 1).unwrap();
        assert_eq!((limit.fits, limit.owner), (19_916, LimitOwner::Generator));
        assert!(
            limit.remedy.contains("--nofile=50084:50084"),
            "{}",
            limit.remedy
        );
        let limit = shortage(2_000_000, &machine(), HERE, 1).unwrap();
        assert!(
            limit.remedy.contains("fs.nr_open=2000084"),
            "{}",
            limit.remedy
        );
        let warning = limit.warning(2_000_000);
        assert_eq!(warning.code, WarningCode::LimitTooLow);
        assert_eq!(
            (warning.value, warning.threshold),
            (Some(19_916.0), Some(2e6))
        );
    }

    #[test]
    fn ports_limit_only_where_there_is_one_source_address() {
        let machine = MachineLimits {
            nofile: Some(1 << 20),
            ..machine()
        };
        assert_eq!(shortage(40_000, &machine, HERE, 1), None);
        let limit = shortage(40_000, &machine, ELSEWHERE, 1).unwrap();
        assert_eq!((limit.fits, limit.owner), (27_232, LimitOwner::Network));
        assert!(limit.remedy.contains("1024 65535"));
        // What is kept free is never all there is.
        let narrow = MachineLimits {
            ports: Some((40_000, 40_099)),
            ..machine
        };
        assert_eq!(shortage(400, &narrow, ELSEWHERE, 1).unwrap().fits, 90);
    }

    #[test]
    fn a_server_on_this_machine_shares_its_memory() {
        let machine = MachineLimits {
            available_bytes: Some(64 << 20),
            ..machine()
        };
        let fits = |server| shortage(10_000, &machine, server, 1).unwrap().fits;
        assert_eq!(fits(ELSEWHERE), 2 * fits(HERE));
    }

    #[test]
    fn each_worker_has_its_own_files_and_all_share_the_ports() {
        let few = MachineLimits {
            nofile: Some(1_084),
            ..machine()
        };
        let fits = |workers| shortage(10_000, &few, HERE, workers).unwrap();
        assert_eq!((fits(1).fits, fits(4).fits), (1_000, 4_000));
        assert!(fits(4).reason.starts_with("each of the 4 worker processes"));
        let remedy = fits(4).remedy;
        assert!(remedy.contains("--nofile=2584:2584"), "{remedy}");
        let many = MachineLimits {
            nofile: Some(1 << 20),
            ..machine()
        };
        let limit = shortage(40_000, &many, ELSEWHERE, 4).unwrap();
        assert_eq!((limit.fits, limit.owner), (27_232, LimitOwner::Network));
        assert!(limit.reason.ends_with("which all worker processes share"));
    }
}
