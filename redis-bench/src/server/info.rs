//! Answer of a Redis server to `INFO`. Servers differ in version and kind: unknown fields are kept
//! as text, and a missing field gives `None`.

use std::collections::BTreeMap;

use redis::{Connection, RedisResult};

/// Heading of the section about the keys of each database.
const KEYSPACE: &str = "# Keyspace";

/// Fields of an answer to `INFO`, by name, with their values as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Info(BTreeMap<String, String>);

/// Calls of one command since the server started or its statistics were reset, and the time that
/// the server spent on them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct CommandUse {
    /// Number of calls since the server started or its statistics were reset.
    pub(crate) calls: f64,
    /// Microseconds that the server spent on the calls.
    pub(crate) usec: f64,
    /// Number of calls that were refused before they were executed; `None` before version 6.2.
    pub(crate) rejected: Option<f64>,
    /// Number of calls that failed while they were executed; `None` before version 6.2.
    pub(crate) failed: Option<f64>,
}

impl Info {
    /// Requests all sections of `INFO` and parses the answer.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(crate) fn read(connection: &mut Connection) -> RedisResult<Self> {
        Self::section(connection, "all")
    }

    /// Requests the section `name` of `INFO` and parses the answer.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(crate) fn section(connection: &mut Connection, name: &str) -> RedisResult<Self> {
        let text: String = redis::cmd("INFO").arg(name).query(connection)?;
        Ok(Self::parse(&text))
    }

    /// Parses the text of an answer to `INFO`, which has lines of `name:value`. The heading of a section
    /// becomes a field without a value; other lines are skipped.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim_end);
        let pairs = lines.filter_map(|line| {
            let heading = line.starts_with('#').then_some((line, ""));
            heading.or_else(|| line.split_once(':'))
        });
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// Returns the sum of the number `part_name` over all databases, as `keys`. An empty database has no
    /// field, so the sum is 0 if there is none; `None` if the answer has no section about keys.
    pub(crate) fn keyspace(&self, part_name: &str) -> Option<f64> {
        self.text(KEYSPACE)?;
        let databases = self.0.iter().filter(|(name, _)| {
            let number = name.strip_prefix("db");
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        });
        databases.map(|(_, value)| part(value, part_name)).sum()
    }

    /// Returns the field `name` as text; `None` if the answer does not have it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the field `name` as a number; `None` if it is missing or not a finite number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
    }

    /// Returns the number `part` of the field `name`, as in `keys=1,expires=0`; `None` if it is missing
    /// or no number.
    pub(crate) fn part(&self, name: &str, part_name: &str) -> Option<f64> {
        part(self.text(name)?, part_name)
    }

    /// Returns the use of each command, by the command's name in lower case. Commands whose values
    /// cannot be parsed are left out.
    pub(crate) fn commands(&self) -> BTreeMap<&str, CommandUse> {
        let lines = self.0.iter();
        lines
            .filter_map(|(name, value)| {
                let command = name.strip_prefix("cmdstat_")?;
                let used = CommandUse {
                    calls: part(value, "calls")?,
                    usec: part(value, "usec")?,
                    rejected: part(value, "rejected_calls"),
                    failed: part(value, "failed_calls"),
                };
                Some((command, used))
            })
            .collect()
    }

    /// Returns the number of error answers by error code, since the server started or its
    /// statistics were reset; empty before version 6.2.
    pub(crate) fn errors(&self) -> BTreeMap<&str, f64> {
        let lines = self.0.iter();
        lines
            .filter_map(|(name, value)| {
                Some((name.strip_prefix("errorstat_")?, part(value, "count")?))
            })
            .collect()
    }

    /// Returns the server's version: `7.0.15` for Redis, `valkey 8.1.0` for Valkey. `None` if the
    /// answer contains neither.
    pub(crate) fn version(&self) -> Option<String> {
        if let Some(version) = self.text("valkey_version") {
            return Some(format!("valkey {version}"));
        }
        self.text("redis_version").map(str::to_owned)
    }
}

/// Returns the number of `name` in a list such as `a=1,b=2`; `None` if it is missing or no number.
fn part(value: &str, name: &str) -> Option<f64> {
    let mut pairs = value.split(',').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_fields_are_read_and_the_rest_is_no_trouble() {
        let info = Info::parse(
            "# Stats\r\nkeyspace_hits:12\r\nred line\r\nused_cpu_user:1.5\r\nmaxmemory_policy:noeviction\r\n\
             cmdstat_get:calls=10,usec=25,usec_per_call=2.50\r\ncmdstat_odd:what\r\n\
             cmdstat_config|get:calls=3,usec=9,usec_per_call=3.00,rejected_calls=1,failed_calls=2\r\n\
             cmdstat_lpush:calls=7,usec=8,usec_per_call=1.14,rt=0,max_rt=0,qps=0\r\n",
        );
        assert_eq!(info.number("keyspace_hits"), Some(12.0));
        assert_eq!(info.number("maxmemory_policy"), None);
        assert_eq!(info.text("maxmemory_policy"), Some("noeviction"));
        assert_eq!(info.number("keyspace_misses"), None);
        let commands = info.commands();
        assert_eq!(commands.len(), 3);
        let config = commands["config|get"];
        assert_eq!((config.rejected, config.failed), (Some(1.0), Some(2.0)));
        // A hosted server's answer, which has fields of its own.
        assert_eq!(
            (commands["lpush"].calls, commands["lpush"].failed),
            (7.0, None)
        );
        assert_eq!(
            commands["get"],
            CommandUse {
                calls: 10.0,
                usec: 25.0,
                ..CommandUse::default()
            }
        );
    }
}
