//! Several hosts in one URL, as in `redis://one:26379,two:26379/?sentinel=NAME`, of which the driver
//! knows nothing.

use url::Url;

use crate::server::sentinel::{HostPort, PORT};

/// Splits the hosts of `url`. Returns the URL with the first host alone, and the other ones, as far as
/// they are hosts. The URL of a server has no others.
pub(super) fn split(url: &str) -> (String, Vec<HostPort>) {
    let alone = || (url.to_owned(), Vec::new());
    let Some(hosts) = hosts_in(url) else {
        return alone();
    };
    let Some((first, others)) = url[hosts.clone()].split_once(',') else {
        return alone();
    };
    let single = format!("{}{first}{}", &url[..hosts.start], &url[hosts.end..]);
    (single, others.split(',').filter_map(host).collect())
}

/// Returns where the hosts of a URL stand: between its login and its path.
fn hosts_in(url: &str) -> Option<std::ops::Range<usize>> {
    let start = url.find("://")? + 3;
    let rest = &url[start..];
    let end = start + rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let login = url[start..end].rfind('@').map_or(0, |at| at + 1);
    Some(start + login..end)
}

/// Parses a host with or without a port.
fn host(text: &str) -> Option<HostPort> {
    let url = Url::parse(&format!("redis://{text}")).ok()?;
    Some((named(&url)?, url.port().unwrap_or(PORT)))
}

/// Returns the host of a URL, an address of version 6 without its brackets.
pub(super) fn named(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let plain = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    Some(plain.unwrap_or(host).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_host_stays_and_the_others_have_their_ports() {
        for (url, single, others) in [
            ("redis://a:1/3", "redis://a:1/3", &[][..]),
            ("redis://a:1,b/?x=1,2", "redis://a:1/?x=1,2", &[("b", PORT)]),
            (
                "redis://u:p,w@a,[::1]:7,c:8?sentinel=m",
                "redis://u:p,w@a?sentinel=m",
                &[("::1", 7), ("c", 8)],
            ),
            ("unix:///tmp/a,b", "unix:///tmp/a,b", &[]),
            ("cache", "cache", &[]),
        ] {
            let (told, found) = split(url);
            assert_eq!(told, single);
            let found: Vec<_> = found.iter().map(|(host, port)| (&**host, *port)).collect();
            assert_eq!(found, others, "{url}");
        }
    }
}
