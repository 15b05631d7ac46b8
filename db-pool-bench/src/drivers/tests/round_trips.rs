//! Tests of the round trips that each driver makes in addition to the request's own.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{Failure, ThinkTime};
use pg_connect::Address;

use crate::common::postgres;
use crate::drivers::{Driver, DriverSetup, PoolOptions, Recycle, round_trips};
use crate::protocol::Protocol;
use crate::workloads::{Builtin, Tables};

/// Counts the extra round trips of `driver` for a `SELECT 1` at `url`, with this check at checkout
/// or the library's own.
fn extra(url: &str, driver: Driver, recycle: Option<Recycle>) -> Result<f64, Failure> {
    let workload = Builtin::CheckoutOnly
        .draft(&Tables::at_scale(1), 7, Protocol::Prepared)
        .unwrap();
    let setup = DriverSetup {
        address: Address::parse(url).unwrap(),
        application: "a_test_of_drivers".to_owned(),
        pool_size: 8,
        pool: PoolOptions {
            recycle,
            ..PoolOptions::default()
        },
        checkout_timeout: Duration::from_secs(5),
        workload: Arc::new(workload.without_parameters()),
        seed: 7,
        hold: ThinkTime::NONE,
        opened: Arc::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(round_trips::count_extra(driver, &setup))
}

#[test]
fn a_ping_costs_one_round_trip_per_checkout_and_without_it_there_is_none() {
    let server = postgres(&[]);
    let (fast, verified) = (Some(Recycle::Fast), Some(Recycle::Verified));
    for (driver, recycle, expected) in [
        (Driver::Wire, None, 0.0),
        (Driver::Direct, None, 0.0),
        (Driver::Deadpool, None, 0.0),
        (Driver::Deadpool, fast, 0.0),
        (Driver::Deadpool, verified, 1.0),
        // sqlx pings after each release, and no option turns that off.
        (Driver::Sqlx, fast, 1.0),
        (Driver::Sqlx, verified, 2.0),
        (Driver::Sqlx, None, 2.0),
    ] {
        let counted = extra(server.url(), driver, recycle);
        assert_eq!(counted, Ok(expected), "{driver:?}, {recycle:?}");
    }
}

#[test]
fn round_trips_that_cannot_be_counted_say_why() {
    let server = postgres(&[]);
    let nowhere = format!("{}_that_is_not_there", server.url());
    let no_database = extra(&nowhere, Driver::Wire, None).unwrap_err();
    assert_eq!(no_database.kind, "sqlstate.3D000");
    let file = extra("postgres://app@%2Frun%2Fpg/shop", Driver::Direct, None).unwrap_err();
    assert!(file.to_string().contains("unix socket"), "{file}");
}
