//! Options of the URL of a Redis server: everything after its `?`. The driver ignores options that
//! it does not know, and the run would use another database, user or protocol than the URL names.

use std::borrow::Cow;

use bench_cli::UsageError;
use url::Url;

/// Schemes of URLs of Unix sockets. Such a URL holds database, user and password as options, because
/// everything before the `?` is the path of the socket.
const SOCKET_SCHEMES: [&str; 3] = ["unix", "redis+unix", "valkey+unix"];

/// Names of the protocol's versions that the driver knows.
const PROTOCOLS: [&str; 4] = ["2", "resp2", "3", "resp3"];

/// Length of the longest name of an unknown option that a message shows.
const LONGEST_NAME: usize = 32;

/// Checks that all options of `url` have an effect, and that nothing else in it is ignored.
///
/// # Errors
/// Fails with a sentence that says what to write instead. It contains no value that may be secret.
pub(crate) fn check(url: &Url) -> Result<(), UsageError> {
    let is_socket = SOCKET_SCHEMES.contains(&url.scheme());
    if let Some(fault) = ignored_part(url, is_socket) {
        return Err(UsageError(fault.to_owned()));
    }
    let mut known: Vec<Cow<'_, str>> = Vec::new();
    for (name, value) in url.query_pairs() {
        let fault = if known.contains(&name) {
            Some(format!(
                "the URL of the Redis server has the option {name} twice; write it once"
            ))
        } else if is_socket {
            fault_at_socket(&name, &value)
        } else {
            fault_at_port(&name, &value)
        };
        if let Some(fault) = fault {
            return Err(UsageError(fault));
        }
        known.push(name);
    }
    Ok(())
}

/// Returns the name by which Sentinels know the primary, from the URL of Sentinels; `None` in that of a
/// server.
pub(crate) fn sentinel(url: &Url) -> Option<String> {
    let mut options = url.query_pairs();
    let (_, name) = options.find(|(name, _)| name == "sentinel")?;
    (!SOCKET_SCHEMES.contains(&url.scheme())).then(|| name.into_owned())
}

/// Returns a sentence about a part of `url` that the driver ignores, other than an option; `None` if
/// there is none.
fn ignored_part(url: &Url, is_socket: bool) -> Option<&'static str> {
    if url.fragment().is_some_and(|fragment| !fragment.is_empty()) {
        return Some(
            "what follows the # in the URL of the Redis server has no effect; leave it out, or \
             write a # of user or password as %23",
        );
    }
    if !is_socket {
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(
            "user and password before the path of a socket have no effect; write \
             unix:///PATH?user=USER&pass=…",
        );
    }
    url.port()
        .is_some()
        .then_some("a socket has no port; write unix:///PATH")
}

/// Returns a sentence about an option that is wrong in the URL of a server with a port; `None` if it
/// is right.
fn fault_at_port(name: &str, value: &str) -> Option<String> {
    let instead = match name {
        "protocol" => return wrong_protocol(value),
        "sentinel" if value.is_empty() => {
            let text = "the option sentinel is the name of the primary, as in ?sentinel=mymaster";
            return Some(text.to_owned());
        }
        "sentinel" => return None,
        "sentinelMasterId" | "master" | "master_name" | "service_name" => {
            "the name by which Sentinels know the primary as ?sentinel=NAME".to_owned()
        }
        "db" | "database" => {
            let number = value.parse::<u32>();
            let database = number.map_or_else(|_| "DATABASE".to_owned(), |n| n.to_string());
            format!("the database as the path, redis://HOST:PORT/{database}")
        }
        "user" | "username" | "pass" | "password" => {
            "user and password before the host, redis://USER:PASSWORD@HOST:PORT/".to_owned()
        }
        _ => {
            let others = "protocol and sentinel can stand there";
            return Some(unknown(name, value, others));
        }
    };
    Some(format!(
        "the option {name} has no effect in the URL of a server with a port; write {instead}"
    ))
}

/// Returns a sentence about an option that is wrong in the URL of a Unix socket; `None` if it is
/// right.
fn fault_at_socket(name: &str, value: &str) -> Option<String> {
    let instead = match name {
        "user" | "pass" => return None,
        "protocol" => return wrong_protocol(value),
        "db" => {
            let is_number = value.parse::<u32>().is_ok();
            let text = "the option db is the number of a database, as in ?db=3";
            return (!is_number).then(|| text.to_owned());
        }
        "database" => "db=3",
        "username" => "user=USER",
        "password" => "pass=…",
        _ => {
            let others = "db, user, pass and protocol can stand there";
            return Some(unknown(name, value, others));
        }
    };
    Some(format!(
        "the option {name} has no effect in the URL of a socket; write {instead}"
    ))
}

/// Returns a sentence about a value of the option `protocol` that the driver refuses; `None` for the
/// names of RESP2 and RESP3.
fn wrong_protocol(version: &str) -> Option<String> {
    let text = "the option protocol is a version of RESP, 2 or 3, as in ?protocol=3";
    (!PROTOCOLS.contains(&version)).then(|| text.to_owned())
}

/// Returns a sentence about an option that no URL of a Redis server has. `others` names those that
/// it may have.
fn unknown(name: &str, value: &str, others: &str) -> String {
    // Without a value, or with other characters, it may be the rest of a password with a `?`.
    let is_name = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-');
    let shows = !value.is_empty() && (1..=LONGEST_NAME).contains(&name.len());
    let option = if shows && name.chars().all(is_name) {
        format!("option {name}")
    } else {
        "such option".to_owned()
    };
    format!(
        "the URL of a Redis server has no {option} after its ?; {others}, and a ? of user or \
         password is written as %3F"
    )
}

#[cfg(test)]
mod tests {
    use bench_report::redaction;

    use super::*;

    fn said(url: &str) -> Option<String> {
        let url = redis::parse_redis_url(url).unwrap();
        check(&url).err().map(|UsageError(said)| said)
    }

    #[test]
    fn options_that_the_driver_reads_are_accepted() {
        for url in [
            "redis://h",
            "redis://app:hunter2@h:1/3?protocol=resp3",
            "redis://h/?protocol=3",
            "redis://h/3?#",
            "valkey://h/3?protocol=2",
            "unix:///tmp/redis.sock",
            "unix:///tmp/redis.sock?db=3&user=app&pass=hun%3Fter2&protocol=resp2",
            "redis+unix:///tmp/redis.sock?%64b=3",
            "rediss://app:hunter2@h/3?sentinel=mymaster&protocol=3",
        ] {
            assert_eq!(said(url), None, "{url}");
        }
    }

    /// URLs with a part that the driver ignores or refuses, and a part of the sentence about each.
    const REFUSED: [(&str, &str); 23] = [
        ("redis://h/?db=3", "redis://HOST:PORT/3"),
        ("redis://h/?db=hunter2", "redis://HOST:PORT/DATABASE"),
        ("valkey://h?database=12", "redis://HOST:PORT/12"),
        ("redis://h/?user=app", "before the host"),
        ("redis://h/?password=hunter2", "before the host"),
        ("redis://h/?protocol=resp4", "?protocol=3"),
        ("redis://h/?protocol=3&protocol=2", "protocol twice"),
        ("redis://h/?timeout=5s", "no option timeout after its ?"),
        ("redis://h/?DB=3", "no option DB after its ?"),
        ("redis://h/?sentinel=", "?sentinel=mymaster"),
        ("redis://h/?sentinelMasterId=orders", "?sentinel=NAME"),
        ("unix:///tmp/r.sock?sentinel=orders", "db, user, pass"),
        ("redis://h/?hunter2", "no such option after its ?"),
        ("redis://app:1234?@h:1/", "%3F"),
        ("redis://h/3#insecure", "%23"),
        ("redis://h/3?protocol=3#hunter2", "%23"),
        ("unix:///tmp/r.sock?db=first", "?db=3"),
        ("unix:///tmp/r.sock?db=1&db=2", "db twice"),
        ("unix:///tmp/r.sock?username=app", "write user=USER"),
        ("unix:///tmp/r.sock?password=hunter2", "write pass=…"),
        ("unix:///tmp/r.sock?ssl=true", "db, user, pass and protocol"),
        (
            "unix://app:hunter2@localhost/tmp/r.sock",
            "?user=USER&pass=…",
        ),
        ("unix://localhost:7000/tmp/r.sock", "no port"),
    ];

    #[test]
    fn every_other_option_is_refused_with_what_to_write() {
        for (url, part) in REFUSED {
            let said = said(url).unwrap_or_else(|| panic!("{url} is accepted"));
            assert!(said.contains(part), "{url}: {said}");
            assert!(!said.contains("hunter2"), "{url}: {said}");
            assert_eq!(redaction::text(&said), said, "what to write is readable");
        }
    }
}
