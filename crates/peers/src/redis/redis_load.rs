//! Load of a contest on Redis, the same for both sides.

/// Command of all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RedisCommand {
    /// Writes a value.
    Set,
    /// Reads a value that is there.
    Get,
}

impl RedisCommand {
    /// Returns the name as programs take it, in lower case.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Get => "get",
        }
    }
}

/// Program beside which `redis-bench` is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RedisPeer {
    /// Minimal loop on the same client library, which connects in the same way.
    Minimal,
    /// Redis' own `redis-benchmark`: one connection for each user, on one thread.
    Benchmark,
    /// `memtier_benchmark`: one connection for each user.
    Memtier,
}

impl RedisPeer {
    /// Returns the name of the program, as shown in the results.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal loop",
            Self::Benchmark => "redis-benchmark",
            Self::Memtier => "memtier_benchmark",
        }
    }
}

/// Load of a contest on Redis, the same for both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RedisLoad {
    /// Way to connect of `redis-bench`, as given to `--client`; a minimal loop connects in the same
    /// way.
    pub(crate) client: &'static str,
    /// Command of all requests.
    pub(crate) command: RedisCommand,
    /// Number of users, each of which waits for an answer before the next request.
    pub(crate) users: u32,
    /// Number of commands in each request.
    pub(crate) pipeline: u32,
    /// Length of the values, in bytes.
    pub(crate) value_bytes: u32,
}

/// Corners of the loads: command, users, pipeline and bytes.
const CORNERS: [(RedisCommand, u32, u32, u32); 10] = [
    (RedisCommand::Set, 1, 1, 3),
    (RedisCommand::Set, 1, 16, 3),
    (RedisCommand::Set, 50, 1, 3),
    (RedisCommand::Set, 50, 16, 3),
    (RedisCommand::Set, 50, 1, 1_024),
    (RedisCommand::Get, 1, 1, 3),
    (RedisCommand::Get, 1, 16, 3),
    (RedisCommand::Get, 50, 1, 3),
    (RedisCommand::Get, 50, 16, 3),
    (RedisCommand::Get, 50, 1, 1_024),
];

impl RedisLoad {
    /// Iterates over the loads at the corners, by the way to connect `client`.
    pub(crate) fn corners(client: &'static str) -> impl Iterator<Item = Self> {
        CORNERS
            .into_iter()
            .map(move |(command, users, pipeline, value_bytes)| Self {
                client,
                command,
                users,
                pipeline,
                value_bytes,
            })
    }

    /// Returns the load as the end of a contest's name, such as `set-50`, `get16-1` for a pipeline
    /// of 16, or `set1k-50` for values of 1 KiB.
    pub(crate) fn name(&self) -> String {
        let pipeline = match self.pipeline {
            1 => String::new(),
            length => length.to_string(),
        };
        let bytes = match self.value_bytes {
            1_024 => "1k",
            _ => "",
        };
        format!("{}{pipeline}{bytes}-{}", self.command.name(), self.users)
    }

    /// Returns the smallest ratio that is expected of `redis-bench` ÷ `peer`; `None` if the ratio is
    /// only shown.
    pub(crate) fn expected_ratio(&self, peer: RedisPeer) -> Option<f64> {
        match (peer, self.users, self.pipeline, self.value_bytes) {
            (RedisPeer::Minimal, ..) => Some(0.97),
            // Commands of many users go out together on one connection.
            (RedisPeer::Benchmark, 50, 1, 3) => Some(3.0),
            (RedisPeer::Benchmark, 50, 16, 3) => Some(1.3),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_corner_has_a_name_of_its_own() {
        let names: Vec<String> = RedisLoad::corners("pooled")
            .map(|load| load.name())
            .collect();
        assert_eq!(
            names,
            [
                "set-1", "set16-1", "set-50", "set16-50", "set1k-50", "get-1", "get16-1", "get-50",
                "get16-50", "get1k-50"
            ]
        );
    }

    #[test]
    fn the_price_of_measuring_is_bounded_at_each_corner_and_sharing_must_pay_with_many_users() {
        for load in RedisLoad::corners("multiplexed") {
            assert_eq!(load.expected_ratio(RedisPeer::Minimal), Some(0.97));
            assert_eq!(load.expected_ratio(RedisPeer::Memtier), None);
            let beside = load.expected_ratio(RedisPeer::Benchmark);
            let wanted = match load.name().as_str() {
                "set-50" | "get-50" => Some(3.0),
                "set16-50" | "get16-50" => Some(1.3),
                _ => None,
            };
            assert_eq!(beside, wanted, "{}", load.name());
        }
    }
}
