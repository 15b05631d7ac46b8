//! Addresses without their passwords, for output and error messages.

use std::fmt::Write as _;

use crate::conninfo;
use crate::endpoint::Endpoint;
use crate::login::Login;
use crate::parameters::ConnectionParameters;
use crate::password::MASK;

/// Formats the address of `login` at `endpoints` as a URL without the password, with those
/// parameters of the address that are safe to show.
pub(crate) fn redacted(
    login: &Login,
    endpoints: &[Endpoint],
    parameters: &ConnectionParameters,
) -> String {
    let (user, database) = (login.user(), login.database());
    let mut shown = format!("postgres://{user}@");
    let mut further = parameters.query();
    if let [endpoint] = endpoints
        && endpoint.is_socket()
    {
        let Endpoint { host, port } = endpoint;
        let and = if further.is_empty() { "" } else { "&" };
        further = format!("host={host}&port={port}{and}{further}");
    } else {
        let servers = endpoints.iter().map(|Endpoint { host, port }| match host {
            socket if socket.starts_with('/') => format!("{}:{port}", socket.replace('/', "%2F")),
            ip if ip.contains(':') => format!("[{ip}]:{port}"),
            name => format!("{name}:{port}"),
        });
        shown.push_str(&servers.collect::<Vec<_>>().join(","));
    }
    let mark = if further.is_empty() { "" } else { "?" };
    let _ = write!(shown, "/{database}{mark}{further}");
    shown
}

/// Formats an address that could not be parsed. Text that may be part of a password is masked with
/// `***` or left out.
pub(crate) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://").filter(|_| conninfo::is_url(text)) else {
        return masked_keywords(text);
    };
    let (rest, query) = match rest.rsplit_once('@') {
        // The last @ may belong to a password among the parameters.
        Some((login, _)) if login.contains('?') && login.contains('=') => ("…".to_owned(), ""),
        Some((login, place)) => {
            let (place, query) = place.split_once('?').unwrap_or((place, ""));
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            let safe = !user.contains(['/', '?', '@', '=']);
            let user = if safe { user } else { MASK };
            let mark = if password.is_empty() { "" } else { ":***" };
            (format!("{user}{mark}@{place}"), query)
        }
        None => {
            let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
            // A login whose @ is missing looks like a port that is not a number.
            let place = match place.split_once(':') {
                Some((host, port)) if !is_ports(port) => format!("{host}:{MASK}"),
                _ => place.to_owned(),
            };
            (place, query)
        }
    };
    let mark = if query.is_empty() { "" } else { "?" };
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let shown: Vec<String> = pairs
        .filter_map(|(name, value)| masked_parameter(name, value))
        .collect();
    format!("{scheme}://{rest}{mark}{}", shown.join("&"))
}

/// Returns true if `text`, which follows the first colon after the scheme, begins with a port (or
/// with nothing before a comma or slash), so that it is no password.
fn is_ports(text: &str) -> bool {
    let port = text.split([',', '/']).next().unwrap_or_default();
    port.is_empty() || port.parse::<u16>().is_ok() || text.contains(']')
}

fn masked_keywords(text: &str) -> String {
    let Ok(pairs) = conninfo::pairs(text) else {
        return "host=… user=…".to_owned();
    };
    let pairs = pairs.iter();
    let shown: Vec<String> = pairs
        .filter_map(|(name, value)| masked_parameter(name, value))
        .collect();
    shown.join(" ")
}

/// Returns the parameter `name` as `name=value`, with `***` as the value if that may be secret;
/// `None` if not even the name may be shown, because it is no word.
fn masked_parameter(name: &str, value: &str) -> Option<String> {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    let known = SHOWN.contains(&name);
    name.chars().all(is_word).then(|| match value {
        "" => name.to_owned(),
        value if known => format!("{name}={value}"),
        _ => format!("{name}={MASK}"),
    })
}

/// Parameters whose values are not secret and may be shown.
const SHOWN: [&str; 10] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "dbname",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "connect_timeout",
    "channel_binding",
];

#[cfg(test)]
mod tests {
    use super::masked;
    use crate::address::Address;
    use crate::environment::EnvironmentVariables;

    #[test]
    fn an_address_is_shown_without_its_password_and_with_all_else() {
        for (url, shown) in [
            (
                "postgres://app:hunter2@db:6432/shop",
                "postgres://app@db:6432/shop",
            ),
            (
                "postgresql://app:hun%40ter2@db/shop",
                "postgres://app@db:5432/shop",
            ),
            (
                "postgres://app:hunter2@[::1]:6432/shop",
                "postgres://app@[::1]:6432/shop",
            ),
            (
                "postgres://app@%2Frun%2Fpg/shop",
                "postgres://app@/shop?host=/run/pg&port=5432",
            ),
            (
                "postgres://app:hunter2@db,db2:6432/shop?target_session_attrs=primary&sslmode=require",
                "postgres://app@db:5432,db2:6432/shop?target_session_attrs=primary&sslmode=require",
            ),
        ] {
            let address = Address::parse_with(url, &EnvironmentVariables::new(&|_| None)).unwrap();
            assert_eq!(address.redacted(), shown);
            assert!(!format!("{address:?}").contains("ter2"));
        }
    }

    #[test]
    fn what_cannot_be_read_is_shown_without_what_may_be_a_password() {
        for (text, shown) in [
            (
                "postgres://app:hun@ter2@db/shop?x=hun",
                "postgres://app:***@db/shop?x=***",
            ),
            (
                "postgres://app:hun/ter2@db/shop",
                "postgres://app:***@db/shop",
            ),
            (
                "postgres://app:hun?ter2@db:port/shop",
                "postgres://app:***@db:port/shop",
            ),
            ("postgres://app:hunter2/shop", "postgres://app:***"),
            (
                "postgres://db:5432/shop?password=hunter2",
                "postgres://db:5432/shop?password=***",
            ),
            (
                "postgres://h/d?sslmode=maybe&password=a@ter2",
                "postgres://…",
            ),
            (
                "host=db password=hunter2 sslmode=maybe",
                "host=db password=*** sslmode=maybe",
            ),
            ("host=db password='hunter2", "host=… user=…"),
        ] {
            let masked = masked(text);
            assert!(
                !masked.contains("hun") && !masked.contains("ter2"),
                "{masked}"
            );
            assert_eq!(masked, shown, "{text}");
        }
    }
}
