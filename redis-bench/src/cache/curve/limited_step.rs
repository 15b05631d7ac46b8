//! Step of `cache` on a throwaway server whose memory is limited: the limit, and what the server
//! tells of its keys.

use std::fmt;
use std::time::SystemTime;

use bench_cli::table;
use redis::{Connection, RedisResult};

use super::policy_name::{PolicyName, PolicySettings};
use crate::server::info::Info;

/// Limit of a server's memory, and what it does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryLimit {
    /// Policy by which keys are evicted (`maxmemory-policy`).
    pub(crate) policy: PolicyName,
    /// Largest memory of the server, in bytes, with what it needs for itself and its clients
    /// (`maxmemory`).
    pub(crate) bytes: u64,
}

impl MemoryLimit {
    /// Returns the limits with each of `policies` and each of `sizes`, in this order.
    pub(crate) fn all(policies: &[PolicyName], sizes: &[u64]) -> Vec<Self> {
        let of = |policy: &PolicyName| {
            let policy = *policy;
            sizes.iter().map(move |bytes| Self {
                policy,
                bytes: *bytes,
            })
        };
        policies.iter().flat_map(of).collect()
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.policy.name(), table::bytes(self.bytes))
    }
}

/// Beginning of a step on a server that is limited from then on.
#[derive(Debug)]
pub(crate) struct LimitedStep {
    /// Limit of the server's memory.
    pub(crate) limit: MemoryLimit,
    /// Settings of the server's policies; `None` if it has other settings than Redis.
    pub(crate) settings: Option<PolicySettings>,
    /// Time of the beginning, in milliseconds since 1970.
    pub(crate) begins_ms: u64,
    reads_before: Option<u64>,
}

/// State of the server at the end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepKeys {
    /// Number of keys that the server holds.
    pub(crate) held: u64,
    /// Number of reads since the beginning, with those of the warm-up; `None` if the server does not
    /// count them.
    pub(crate) reads: Option<u64>,
}

impl LimitedStep {
    /// Limits the memory of the server. Its settings are changed, so it must be a throwaway server.
    ///
    /// # Errors
    /// Fails if the server does not answer or refuses a command.
    pub(crate) fn begin(connection: &mut Connection, limit: MemoryLimit) -> RedisResult<Self> {
        // Together in one command they would need Redis 7.0.
        let settings = [
            ("maxmemory-policy", limit.policy.name().to_owned()),
            ("maxmemory", limit.bytes.to_string()),
        ];
        for (name, value) in settings {
            let mut set = redis::cmd("CONFIG");
            let () = set.arg("SET").arg(name).arg(value).query(connection)?;
        }
        let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(Self {
            limit,
            settings: PolicySettings::read(connection)?,
            begins_ms: since_1970.as_millis() as u64,
            reads_before: reads(connection)?,
        })
    }

    /// Reads the state of the server at the end of the step.
    ///
    /// # Errors
    /// Fails if the server does not answer or refuses a command.
    pub(crate) fn end(&self, connection: &mut Connection) -> RedisResult<StepKeys> {
        let held = redis::cmd("DBSIZE").query(connection)?;
        let reads = reads(connection)?.zip(self.reads_before);
        Ok(StepKeys {
            held,
            reads: reads.and_then(|(after, before)| after.checked_sub(before)),
        })
    }
}

/// Returns the number of reads since the server's start; `None` if it does not count them.
fn reads(connection: &mut Connection) -> RedisResult<Option<u64>> {
    let info = Info::read(connection)?;
    let hits = info.number("keyspace_hits");
    let reads = hits.zip(info.number("keyspace_misses"));
    Ok(reads.map(|(hits, misses)| (hits + misses) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_has_each_size() {
        let policies = [PolicyName::AllkeysLru, PolicyName::VolatileTtl];
        let limits = MemoryLimit::all(&policies, &[8 << 20, 1 << 30]);
        let names: Vec<String> = limits.iter().map(ToString::to_string).collect();
        let wanted = [
            "allkeys-lru 8.00 MiB",
            "allkeys-lru 1.00 GiB",
            "volatile-ttl 8.00 MiB",
            "volatile-ttl 1.00 GiB",
        ];
        assert_eq!(names, wanted);
        assert!(MemoryLimit::all(&policies, &[]).is_empty());
    }
}
