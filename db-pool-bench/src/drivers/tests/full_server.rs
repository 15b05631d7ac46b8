//! Test of the drivers on a server that has no free connection.

use std::time::Duration;

use load_engine::Failure;
use pg_connect::Address;
use test_support::eventually;

use super::variants::{Variants, ask_nothing, setup};
use crate::common::{Talk, postgres};
use crate::drivers::PoolOptions;

#[test]
fn a_server_without_a_free_connection_is_told_as_such_by_every_arm() {
    let server = postgres(&[
        ("max_connections", "5"),
        ("superuser_reserved_connections", "0"),
    ]);
    let others: Vec<Talk> = (0..5).map(|_| Talk::to(server.url())).collect();
    let mut setup = setup(Address::parse(server.url()).unwrap(), ask_nothing());
    setup.checkout_timeout = Duration::from_millis(300);
    setup.pool = PoolOptions {
        pool_min: Some(0),
        ..PoolOptions::default()
    };
    let variants = Variants::of(setup);
    let kinds = |first: [Vec<Option<Failure>>; 4]| {
        first.map(|failures| Some(failures[0].as_ref()?.kind.to_string()))
    };
    let full = Some("sqlstate.53300".to_owned());
    let waited = Some("timeout.checkout".to_owned());
    // sqlx tries to connect until the time-out of the checkout.
    assert_eq!(
        kinds(variants.each(1)),
        [full.clone(), full.clone(), full, waited]
    );
    drop(others);
    eventually("connections are free again", || {
        kinds(variants.each(1)) == [None, None, None, None]
    });
}
