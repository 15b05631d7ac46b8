//! An address as people see it: all but the password.

use std::fmt::Write as _;

use crate::connect::{Endpoint, Login, Parameters};

/// `login` at `endpoints` as an address, with the parameters that were given.
pub(super) fn shown(login: &Login, endpoints: &[Endpoint], parameters: &Parameters) -> String {
    let (user, database) = (login.user(), login.database());
    let mut shown = format!("postgres://{user}@");
    let mut further = parameters.shown();
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

#[cfg(test)]
mod tests {
    use crate::address::Address;
    use crate::connect::Environment;

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
            let address = Address::read(url, &Environment(&|_| None)).unwrap();
            assert_eq!(address.shown(), shown);
            assert!(!format!("{address:?}").contains("ter2"));
        }
    }
}
