//! Effect of commands on the time to live of their keys. It decides which commands of a script need
//! another one that gives their keys a safety TTL.

use super::script_file::{Call, CommandTemplate, Script};

/// Commands that create a missing key without an expiry, and leave the expiry of a key that exists.
const CREATING: [&str; 21] = [
    "append",
    "setrange",
    "incr",
    "incrby",
    "incrbyfloat",
    "decr",
    "decrby",
    "setnx",
    "setbit",
    "hset",
    "hsetnx",
    "hincrby",
    "hincrbyfloat",
    "lpush",
    "rpush",
    "sadd",
    "zadd",
    "zincrby",
    "xadd",
    "pfadd",
    "geoadd",
];
/// Commands that create or fill a second key, as [`CREATING`] does the first.
const CREATING_ANOTHER: [&str; 4] = ["pfmerge", "rpoplpush", "lmove", "smove"];
/// Commands that leave a key without an expiry, whether it had one or not.
const CLEARING: [&str; 5] = ["set", "getset", "mset", "persist", "getex"];
/// Commands that give a key an expiry of the user's choice.
const TIMING: [&str; 6] = ["set", "setex", "psetex", "expire", "pexpire", "getex"];
/// Commands after which a key may be gone.
const REMOVING: [&str; 23] = [
    "del",
    "unlink",
    "getdel",
    "rename",
    "renamenx",
    "hdel",
    "lpop",
    "rpop",
    "ltrim",
    "lrem",
    "rpoplpush",
    "lmove",
    "smove",
    "srem",
    "spop",
    "zrem",
    "zremrangebyscore",
    "zremrangebyrank",
    "zpopmin",
    "zpopmax",
    "expire",
    "pexpire",
    "getex",
];
/// Options of SET that give the key an expiry.
const EXPIRY_OPTIONS: [&str; 4] = ["ex", "px", "exat", "pxat"];

/// When the keys of a command need a safety TTL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SafetyNeed {
    /// Never: the command creates no key, or gives it an expiry.
    Never,
    /// The command itself can be given the expiry: SET without options about it.
    Within,
    /// With the first command on each key, which keeps the expiry from then on.
    Once,
    /// With each command.
    Always,
}

/// What the commands of a script do to the lives of its keys, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyLives {
    /// Some key may vanish before the end of the run, and may be created again.
    vanish: bool,
    /// The script gives some keys an expiry, which a safety TTL must not replace.
    pub(super) has_expiry: bool,
}

impl KeyLives {
    /// Returns what the commands of `script` do.
    pub(super) fn of(script: &Script) -> Self {
        let commands = || script.sequences.iter().flat_map(|one| &one.commands);
        let has_expiry = commands().any(CommandTemplate::gives_expiry);
        let removes = |command: &CommandTemplate| match &command.call {
            Call::Command(name) => REMOVING.contains(name),
            Call::Lua { calls, .. } => calls.iter().any(|name| REMOVING.contains(name)),
        };
        Self {
            vanish: has_expiry || commands().any(removes),
            has_expiry,
        }
    }

    /// Returns when the keys of `command` need a safety TTL.
    pub(super) fn need(self, command: &CommandTemplate) -> SafetyNeed {
        match &command.call {
            Call::Command("set") if command.gives_expiry() => SafetyNeed::Never,
            Call::Command("set") if !command.has_option(&["keepttl"]) => SafetyNeed::Within,
            Call::Command("set") => self.need_of_creation(),
            Call::Command(name) => self.need_of(name),
            Call::Lua { calls, .. } => {
                let needs = calls.iter().map(|name| self.need_of(name));
                needs.max().unwrap_or(SafetyNeed::Never)
            }
        }
    }

    fn need_of(self, name: &str) -> SafetyNeed {
        if CLEARING.contains(&name) {
            SafetyNeed::Always
        } else if CREATING.contains(&name) || CREATING_ANOTHER.contains(&name) {
            self.need_of_creation()
        } else {
            SafetyNeed::Never
        }
    }

    fn need_of_creation(self) -> SafetyNeed {
        if self.vanish {
            SafetyNeed::Always
        } else {
            SafetyNeed::Once
        }
    }
}

impl CommandTemplate {
    /// Returns true if the command may give a key an expiry of the user's choice. A call in Lua may,
    /// whatever its options, because they are not read.
    fn gives_expiry(&self) -> bool {
        match &self.call {
            Call::Command("set") => self.has_option(&EXPIRY_OPTIONS),
            Call::Command(name) => TIMING.contains(name),
            Call::Lua { calls, .. } => calls.iter().any(|name| TIMING.contains(name)),
        }
    }

    /// Returns true if one of the arguments after key and value is one of `options`.
    fn has_option(&self, options: &[&str]) -> bool {
        let given = self.arguments.iter().skip(2);
        let texts = given.filter_map(|(template, _)| template.fixed());
        let mut names = texts.map(<[u8]>::to_ascii_lowercase);
        names.any(|name| options.iter().any(|option| option.as_bytes() == name))
    }
}

#[cfg(test)]
mod tests {
    use redis::{Connection, Value};
    use testbed::{Redis, RedisOptions};

    use super::super::command_list;
    use super::super::script_error::ScriptText;
    use super::*;

    fn script(commands: &[&str]) -> Script {
        let mut text = "[lua.set]\nscript = \"redis.call('SET', KEYS[1], 'v')\"\n\
                        [[sequence]]\nname = 'a'\n"
            .to_owned();
        for command in commands {
            text += "[[sequence.command]]\n";
            text += command;
            text += "\n";
        }
        let source = ScriptText {
            file: "s.toml",
            text: &text,
        };
        Script::parse(source).unwrap()
    }

    fn needs(commands: &[&str]) -> Vec<SafetyNeed> {
        let script = script(commands);
        let lives = KeyLives::of(&script);
        let commands = script.sequences[0].commands.iter();
        commands.map(|command| lives.need(command)).collect()
    }

    #[test]
    fn a_key_is_made_safe_once_where_it_stays_and_always_where_it_may_vanish() {
        use SafetyNeed::{Always, Never, Once, Within};
        let hset = "run = ['HSET', 'h', 'f', '1']";
        for (commands, wanted) in [
            (vec![hset, "run = ['HGET', 'h', 'f']"], vec![Once, Never]),
            (vec![hset, "run = ['HDEL', 'h', 'f']"], vec![Always, Never]),
            (
                vec![hset, "run = ['EXPIRE', 'h', '9']"],
                vec![Always, Never],
            ),
            (vec!["run = ['SET', 'k', 'v']"], vec![Within]),
            (vec!["run = ['SET', 'k', 'v', 'nx']"], vec![Within]),
            (vec!["run = ['SET', 'k', 'v', 'eX', '9']"], vec![Never]),
            (vec!["run = ['SET', 'k', 'v', 'KEEPTTL']"], vec![Once]),
            (vec!["run = ['MSET', 'k', 'v', 'l', 'v']"], vec![Always]),
            (vec!["lua = 'set'\nkeys = ['k']"], vec![Always]),
        ] {
            assert_eq!(needs(&commands), wanted, "{commands:?}");
        }
        assert!(KeyLives::of(&script(&["lua = 'set'\nkeys = ['k']"])).has_expiry);
        assert!(!KeyLives::of(&script(&["run = ['SET', 'k', 'v']"])).has_expiry);
    }

    /// Returns the kind of value that the command needs, and its arguments; `a` and `b` are keys.
    fn example(name: &str) -> (&'static str, &'static str) {
        match name {
            "ping" | "time" => ("string", ""),
            "echo" => ("string", "text"),
            "get" | "getdel" | "strlen" | "incr" | "decr" | "persist" | "ttl" | "pttl" | "type"
            | "bitcount" | "del" | "unlink" | "exists" | "touch" | "mget" => ("string", "a"),
            "set" | "getset" | "append" | "setnx" => ("string", "a 7"),
            "getex" => ("string", "a PERSIST"),
            "setrange" | "setbit" => ("string", "a 1 1"),
            "getrange" => ("string", "a 0 1"),
            "incrby" | "incrbyfloat" | "decrby" | "expire" | "pexpire" => ("string", "a 90000"),
            "setex" | "psetex" => ("string", "a 90000 7"),
            "getbit" => ("string", "a 1"),
            "mset" => ("string", "a 1 b 2"),
            "rename" | "renamenx" => ("string", "a b"),
            "hget" | "hdel" | "hexists" | "hmget" => ("hash", "a 7"),
            "hset" | "hsetnx" | "hincrby" | "hincrbyfloat" => ("hash", "a 8 1"),
            "hgetall" | "hkeys" | "hvals" | "hlen" => ("hash", "a"),
            "lpush" | "rpush" => ("list", "a 7"),
            "lpop" | "rpop" | "llen" => ("list", "a"),
            "lrange" => ("list", "a 0 1"),
            "ltrim" => ("list", "a 1 0"),
            "lindex" => ("list", "a 0"),
            "lset" => ("list", "a 0 8"),
            "lrem" => ("list", "a 0 7"),
            "linsert" => ("list", "a BEFORE 7 6"),
            "rpoplpush" => ("list", "a b"),
            "lmove" => ("list", "a b LEFT LEFT"),
            "sadd" | "srem" | "sismember" | "smismember" => ("set", "a 7"),
            "smembers" | "scard" | "spop" | "srandmember" | "sinter" | "sunion" | "sdiff" => {
                ("set", "a")
            }
            "smove" => ("set", "a b 7"),
            "zadd" | "zincrby" => ("zset", "a 1 8"),
            "zrem" | "zscore" | "zrank" | "zrevrank" | "geopos" => ("zset", "a 7"),
            "zcard" | "zpopmin" | "zpopmax" => ("zset", "a"),
            "zcount" | "zrange" | "zrangebyscore" | "zrevrange" | "zremrangebyrank" => {
                ("zset", "a 0 9")
            }
            "zremrangebyscore" => ("zset", "a -inf +inf"),
            "zrevrangebyscore" => ("zset", "a 9 0"),
            "xadd" => ("stream", "a * f v"),
            "xlen" => ("stream", "a"),
            "xrange" => ("stream", "a - +"),
            "xrevrange" => ("stream", "a + -"),
            "xtrim" => ("stream", "a MAXLEN 0"),
            "xdel" => ("stream", "a 1-1"),
            "pfadd" => ("log", "a 9"),
            "pfcount" => ("log", "a"),
            "pfmerge" => ("log", "b a"),
            "geoadd" => ("zset", "a 1 1 9"),
            other => panic!("{other} has no example"),
        }
    }

    fn send(connection: &mut Connection, words: &str) -> Value {
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        command.arg(words.collect::<Vec<_>>());
        command.query(connection).unwrap_or(Value::Nil)
    }

    fn life_ms(connection: &mut Connection, key: &str) -> i64 {
        let life = redis::cmd("PTTL").arg(key).query(connection);
        life.unwrap()
    }

    /// Each allowed command is sent on a missing key, and on one that lives for 100 s. What the
    /// server then has must be what the lists here say.
    #[test]
    fn the_lists_say_what_the_server_does() {
        let redis = Redis::start(&RedisOptions::default()).unwrap();
        let client = redis::Client::open(redis.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        for name in command_list::names() {
            let (kind, arguments) = example(name);
            let words = format!("{name} {arguments}").trim_end().to_owned();
            send(&mut connection, "flushall");
            send(&mut connection, &words);
            let for_ever = |key| life_ms(&mut connection, key) == -1;
            let creates = ["a", "b"].map(for_ever).contains(&true);
            send(&mut connection, "flushall");
            let value = match kind {
                "string" => "set a 5",
                "hash" => "hset a 7 1",
                "list" => "lpush a 7",
                "set" => "sadd a 7",
                "zset" => "zadd a 1 7",
                "stream" => "xadd a 1-1 f v",
                _ => "pfadd a 7",
            };
            send(&mut connection, value);
            send(&mut connection, "pexpire a 100000");
            send(&mut connection, &words);
            let (life, another) = (life_ms(&mut connection, "a"), life_ms(&mut connection, "b"));
            let in_list = |list: &[&str]| list.contains(&name);
            let may_clear = in_list(&CLEARING);
            assert_eq!(
                creates,
                in_list(&CREATING) || matches!(name, "set" | "getset" | "mset" | "pfmerge"),
                "{name}"
            );
            assert_eq!(life == -1, may_clear, "{name}");
            let creates_another = in_list(&CREATING_ANOTHER) || name == "mset";
            assert_eq!(another == -1, creates_another, "{name}");
            assert!(life != -2 || in_list(&REMOVING), "{name}");
            let is_new = life > 0 && life <= 90_000 || life > 100_000;
            assert!(!is_new || in_list(&TIMING), "{name}: {life}");
        }
    }
}
