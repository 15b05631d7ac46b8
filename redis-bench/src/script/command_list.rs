//! Commands that a script may send, and which of their arguments are keys. All others are refused:
//! their keys could not be kept under the prefix of the run, or they act on the whole server.

/// Position of the keys among the arguments of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyPlaces {
    /// The command has no keys.
    None,
    /// The first argument is the only key.
    First,
    /// The first two arguments are keys.
    FirstTwo,
    /// All arguments are keys.
    All,
    /// Every second argument is a key, beginning with the first.
    Pairs,
}

impl KeyPlaces {
    /// Returns true if the argument at `index`, counted from 0 after the name, is a key.
    pub(super) fn is_key(self, index: usize) -> bool {
        match self {
            Self::None => false,
            Self::First => index == 0,
            Self::FirstTwo => index < 2,
            Self::All => true,
            Self::Pairs => index.is_multiple_of(2),
        }
    }

    /// Returns the smallest number of arguments that holds all places for keys.
    pub(super) fn least_arguments(self) -> usize {
        match self {
            Self::None => 0,
            Self::First | Self::All => 1,
            Self::FirstTwo | Self::Pairs => 2,
        }
    }
}

/// Allowed commands, in lower case, by the places of their keys.
const ALLOWED: [(KeyPlaces, &[&str]); 5] = [
    (KeyPlaces::None, &["ping", "echo", "time"]),
    (
        KeyPlaces::First,
        &[
            "get",
            "set",
            "getdel",
            "getex",
            "getset",
            "append",
            "strlen",
            "setrange",
            "getrange",
            "incr",
            "incrby",
            "incrbyfloat",
            "decr",
            "decrby",
            "setex",
            "psetex",
            "setnx",
            "expire",
            "pexpire",
            "persist",
            "ttl",
            "pttl",
            "type",
            "hget",
            "hset",
            "hsetnx",
            "hmget",
            "hgetall",
            "hdel",
            "hexists",
            "hincrby",
            "hincrbyfloat",
            "hkeys",
            "hvals",
            "hlen",
            "lpush",
            "rpush",
            "lpop",
            "rpop",
            "lrange",
            "llen",
            "lindex",
            "lset",
            "ltrim",
            "lrem",
            "linsert",
            "sadd",
            "srem",
            "smembers",
            "sismember",
            "smismember",
            "scard",
            "spop",
            "srandmember",
            "zadd",
            "zrem",
            "zincrby",
            "zscore",
            "zrank",
            "zrevrank",
            "zcard",
            "zcount",
            "zrange",
            "zrangebyscore",
            "zrevrange",
            "zrevrangebyscore",
            "zremrangebyscore",
            "zremrangebyrank",
            "zpopmin",
            "zpopmax",
            "xadd",
            "xlen",
            "xrange",
            "xrevrange",
            "xtrim",
            "xdel",
            "setbit",
            "getbit",
            "bitcount",
            "pfadd",
            "geoadd",
            "geopos",
        ],
    ),
    (
        KeyPlaces::FirstTwo,
        &["rename", "renamenx", "rpoplpush", "lmove", "smove"],
    ),
    (
        KeyPlaces::All,
        &[
            "del", "unlink", "exists", "touch", "mget", "sinter", "sunion", "sdiff", "pfcount",
            "pfmerge",
        ],
    ),
    (KeyPlaces::Pairs, &["mset"]),
];

/// Returns the names of all allowed commands.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().flat_map(|(_, names)| names.iter().copied())
}

/// Command that a script may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AllowedCommand {
    /// Name in lower case.
    pub(super) name: &'static str,
    /// Places of its keys.
    pub(super) keys: KeyPlaces,
}

/// Returns the command with this name in any case.
///
/// # Errors
/// Fails with a message if a script may not send it.
pub(super) fn allowed(name: &str) -> Result<AllowedCommand, String> {
    let all = ALLOWED.iter().flat_map(|(keys, names)| {
        names
            .iter()
            .map(move |name| AllowedCommand { name, keys: *keys })
    });
    let mut found = all.filter(|known| known.name.eq_ignore_ascii_case(name));
    found.next().ok_or_else(|| {
        format!(
            "{} is not among the commands of a script, which only use keys of the run; \
             docs/redis-script.md lists them",
            name.to_uppercase()
        )
    })
}
