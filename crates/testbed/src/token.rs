//! Mark of throwaway servers, which a bench checks before it disturbs a server.
//!
//! Some actions on a throwaway server (pausing it, filling it, resetting its statistics) must never
//! be performed on a server of the user. A program that starts throwaway servers passes their
//! addresses to the benches in an environment variable; any other server belongs to the user.

use url::Url;

/// Environment variable that passes the mark of [`mark`] to child processes.
pub const ENV: &str = "PLIMSOLL_THROWAWAY";

const TOKEN_DIGITS: usize = 32;

/// Returns the value of the environment variable [`ENV`] that marks the servers at these URLs as
/// throwaway ones: a random token, `@`, and the servers' hosts and ports, separated by commas. It
/// contains no passwords. URLs without a host or port are left out.
pub fn mark<Address: AsRef<str>>(urls: impl IntoIterator<Item = Address>) -> String {
    let servers: Vec<_> = urls
        .into_iter()
        .filter_map(|url| host_and_port(url.as_ref()))
        .collect();
    format!("{:032x}@{}", rand::random::<u128>(), servers.join(","))
}

/// Returns true if `value`, that of the environment variable [`ENV`], marks the server at `url` as
/// a throwaway one. Host and port are compared as written, a missing port being the usual one; a
/// malformed value or URL gives false, so that in doubt a server belongs to the user.
pub fn is_ours(value: &str, url: &str) -> bool {
    let Some((token, servers)) = value.split_once('@') else {
        return false;
    };
    let well_formed =
        token.len() == TOKEN_DIGITS && token.bytes().all(|digit| digit.is_ascii_hexdigit());
    well_formed
        && host_and_port(url).is_some_and(|wanted| servers.split(',').any(|ours| ours == wanted))
}

fn host_and_port(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let usual = match url.scheme() {
        "postgres" | "postgresql" => Some(5432),
        "redis" | "rediss" => Some(6379),
        _ => url.port_or_known_default(),
    };
    Some(format!("{}:{}", url.host_str()?, url.port().or(usual)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "postgres://plimsoll:secret@127.0.0.1:6001/plimsoll";

    #[test]
    fn our_servers_are_known_by_host_and_port_whatever_the_user_or_database() {
        let value = mark([OURS, "redis://:secret@127.0.0.1:6002/"]);
        assert!(is_ours(&value, OURS));
        assert!(is_ours(
            &value,
            "postgresql://other@127.0.0.1:6001/template1?x=y"
        ));
        assert!(is_ours(&value, "redis://127.0.0.1:6002/3"));
    }

    #[test]
    fn any_other_server_is_the_users() {
        let value = mark([OURS]);
        for url in [
            "postgres://plimsoll:secret@127.0.0.1:5432/plimsoll",
            "postgres://plimsoll:secret@127.0.0.1/plimsoll",
            "postgres://db.example:6001/plimsoll",
            "postgres://127.0.0.1:60010/plimsoll",
            "host=127.0.0.1 port=6001",
            "",
        ] {
            assert!(!is_ours(&value, url), "{url}");
        }
    }

    #[test]
    fn a_value_that_is_no_mark_marks_nothing() {
        for value in [
            "",
            "1",
            "@127.0.0.1:6001",
            "127.0.0.1:6001",
            "xyz@127.0.0.1:6001",
        ] {
            assert!(!is_ours(value, OURS), "{value}");
        }
    }

    #[test]
    fn a_server_on_its_usual_port_needs_no_port_in_its_address() {
        assert!(is_ours(
            &mark(["redis://127.0.0.1/"]),
            "redis://127.0.0.1:6379/"
        ));
    }

    #[test]
    fn the_mark_is_random_and_holds_no_password() {
        assert_ne!(mark([OURS]), mark([OURS]));
        assert!(!mark([OURS]).contains("secret"));
    }
}
