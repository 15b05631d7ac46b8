//! Cores that a server and the load may use by their affinities.

use super::directory::ProcessDirectory;
use super::status::ProcessStatus;

/// Numbers of cores that a server, and this program, may use (their affinity, which a control group's
/// `cpuset` narrows as well).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowedCores {
    /// Number of cores that the server's first thread may use.
    pub server: usize,
    /// Number of cores that the server's first thread or this program may use, each core counted once.
    pub either: usize,
}

impl AllowedCores {
    /// Reads the affinities of the process in `server` and of this program. `None` if the kernel does not
    /// report one of them, or if the process has ended or is hidden.
    pub fn read(server: &ProcessDirectory) -> Option<Self> {
        let own = ProcessDirectory::own().status().ok()?;
        Self::of(&server.status().ok()?, &own)
    }

    fn of(server: &ProcessStatus, own: &ProcessStatus) -> Option<Self> {
        let (server, own) = (server.allowed_cpus.as_ref()?, own.allowed_cpus.as_ref()?);
        Some(Self {
            server: server.len(),
            either: server.union(own).count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_counted_for_the_server_and_with_ours() {
        let status = |cpus: &[u32]| ProcessStatus {
            allowed_cpus: Some(cpus.iter().copied().collect()),
            ..ProcessStatus::default()
        };
        let counted = |server: &[u32], own: &[u32]| {
            let cores = AllowedCores::of(&status(server), &status(own)).unwrap();
            (cores.server, cores.either)
        };
        assert_eq!(counted(&[0], &[0]), (1, 1));
        assert_eq!(counted(&[0], &[1]), (1, 2));
        assert_eq!(counted(&[0, 1, 2, 3, 8], &[2, 3, 4, 5]), (5, 7));
        assert_eq!(
            AllowedCores::of(&ProcessStatus::default(), &status(&[0])),
            None
        );
    }
}
