//! Tests of the monitor of sessions, on a real server.

use std::sync::Arc;

use pg_connect::Address;
use test_support::eventually;
use testbed::{Postgres, PostgresOptions};
use tokio::runtime::Runtime;

use crate::sessions::backend_monitor::BackendMonitor;

/// Opens and closes sessions of the monitored application beside one of another, which must not
/// count.
#[test]
fn sessions_are_counted_as_they_open_and_close() {
    let options = PostgresOptions {
        fsync: false,
        ..PostgresOptions::default()
    };
    let (server, runtime) = (Postgres::start(&options).unwrap(), Runtime::new().unwrap());
    let address = Address::parse(server.url()).unwrap();
    let connect = |application| runtime.block_on(address.connect(application)).unwrap();
    let _clerk = connect("clerk");
    let monitor = BackendMonitor::open(&address, "shop", Arc::default());
    let mut monitor = runtime.block_on(monitor).unwrap();
    let opened = [connect("shop"), connect("shop")];
    runtime.block_on(monitor.count());
    let changes = monitor.take();
    assert_eq!((changes.opened, changes.present), (2, Some(2)));

    drop(opened);
    let mut left = || runtime.block_on(monitor.left()).unwrap();
    eventually("both sessions are gone", || left().is_empty());
    runtime.block_on(monitor.count());
    let changes = monitor.take();
    assert_eq!((changes.closed, changes.lost), (2, 0));
    assert_eq!(changes.present, Some(0));
}
