//! Tests of TLS with every driver. They do not open the first connection of a run, which would
//! report the same failures.

use load_engine::Failure;
use pg_connect::Address;
use test_support::{Certificates, TestDirectory};

use super::tls_server::tls_server;
use super::variants::{Variants, ask_nothing, setup};
use crate::common::postgres;

/// Returns the failure of each driver to connect to `url`, in the order `wire`, `direct`,
/// `deadpool`, `sqlx`. Panics if one connects.
fn failures_of_all_arms(url: &str) -> [Failure; 4] {
    let address = Address::parse(url).unwrap();
    let variants = Variants::of(setup(address, ask_nothing()));
    variants
        .each(1)
        .map(|first| first[0].clone().expect("no way in"))
}

#[test]
fn a_login_that_cannot_bind_the_channel_fails_alike_in_every_arm() {
    let unbound = postgres(&[]);
    let url = format!("{}?channel_binding=require", unbound.url());
    let variants = Variants::of(setup(Address::parse(&url).unwrap(), ask_nothing()));
    let [wire, direct, deadpool, _] = variants.each(1);
    assert_eq!(wire[0].as_ref().unwrap().kind, "auth", "{wire:?}");
    assert_eq!((&wire, &wire), (&direct, &deadpool));
}

/// Verifies that each driver reports the wrong certificate on a connection of its own, as after a
/// change of the server in the middle of a run.
#[test]
fn a_stranger_at_the_other_end_is_the_same_failure_in_every_arm() {
    let (place, other) = (TestDirectory::new(), TestDirectory::new());
    let certificates = Certificates::made_in(place.path());
    let stranger = Certificates::made_in(other.path()).authority;
    let server = tls_server(&certificates);
    let plain = postgres(&[]);
    let at = |url: &str, host: &str, authority: &std::path::Path| {
        let url = url.replace("127.0.0.1", host);
        format!(
            "{url}?sslmode=verify-full&sslrootcert={}",
            authority.display()
        )
    };
    let authority = &certificates.authority;
    for (url, told) in [
        (
            at(server.url(), "localhost", &stranger),
            "was not issued by an authority in sslrootcert",
        ),
        (
            at(server.url(), "127.0.0.1", authority),
            "certificate is for another name",
        ),
        (
            at(plain.url(), "localhost", authority),
            "server does not support TLS",
        ),
    ] {
        let failures = failures_of_all_arms(&url);
        for failure in &failures {
            assert_eq!(failure.kind, "tls", "{failures:?}");
            assert!(failure.to_string().contains(told), "{failures:?}");
        }
        let [wire, direct, deadpool, _] = failures;
        assert_eq!((&wire, &wire), (&direct, &deadpool));
    }
    let right = Address::parse(&at(server.url(), "localhost", authority)).unwrap();
    let variants = Variants::of(setup(right, ask_nothing()));
    for hits in variants.each(20) {
        assert_eq!(hits, vec![None; 20], "and who is known is let in");
    }
}
