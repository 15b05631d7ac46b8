//! Tests of the parts of checkouts in the pools of deadpool and sqlx, on a real server: the wait
//! for a free connection, the driver's check, and connecting.

use bench_report::{CheckoutParts, Step};
use test_support::TestDirectory;

use crate::common::{postgres, report, sweep};

const DRIVERS: [&str; 2] = ["deadpool", "sqlx"];

/// Runs a sweep at `url` with `args`, which must succeed, and returns the first step of its report.
fn step(url: &str, args: &str) -> Step {
    let place = TestDirectory::new();
    let common = "--workload checkout-only --repeats 1 --warmup 0 --duration 500ms";
    let output = sweep(&place, &format!("{common} {args}"))
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    report(&place).steps.remove(0)
}

fn parts(step: &Step) -> CheckoutParts {
    step.pool.as_ref().unwrap().checkout.unwrap()
}

fn assert_adds_up(step: &Step) {
    let parts = parts(step);
    let sum = parts.wait_mean_ns + parts.check_mean_ns + parts.connect_mean_ns;
    let operation = step.operations.values().next().unwrap();
    let checkout = operation.checkout.as_ref().unwrap();
    assert_eq!(parts.count, checkout.count);
    // The histogram is exact to three digits.
    let apart = (sum / checkout.mean_ns - 1.0).abs();
    assert!(apart < 0.01, "{sum} of {}: {parts:?}", checkout.mean_ns);
}

#[test]
fn a_check_is_told_apart_from_a_wait() {
    let server = postgres(&[]);
    for driver in DRIVERS {
        let verified = format!("--driver {driver} --recycle verified");
        let large = step(
            server.url(),
            &format!("{verified} --pool-sizes 8 --users 2"),
        );
        let free = parts(&large);
        assert_adds_up(&large);
        assert_eq!(free.opened, 0, "{driver}: {free:?}");
        // A connection of sqlx is free only after the ping that follows its release was answered: on a busy
        // machine some calls wait for that.
        if driver != "sqlx" {
            assert!(
                free.waited == 0 && free.check_mean_ns > 3.0 * free.wait_mean_ns,
                "{driver}: {free:?}"
            );
        }

        let small = step(
            server.url(),
            &format!("{verified} --pool-sizes 1 --users 16"),
        );
        let queue = parts(&small);
        assert_adds_up(&small);
        assert!(queue.waited > queue.count / 2, "{driver}: {queue:?}");
        assert!(
            queue.wait_mean_ns > 3.0 * queue.check_mean_ns
                && queue.wait_mean_ns > 3.0 * free.wait_mean_ns,
            "{driver}: {queue:?}, {free:?}"
        );
    }
}

#[test]
fn a_pool_that_checks_nothing_spends_next_to_nothing_on_it() {
    let server = postgres(&[]);
    for driver in DRIVERS {
        let fast = format!("--driver {driver} --recycle fast --pool-sizes 1 --users 8");
        let fast = step(server.url(), &fast);
        assert_adds_up(&fast);
        let parts = parts(&fast);
        assert!(
            parts.wait_mean_ns > 10.0 * parts.check_mean_ns,
            "{driver}: {parts:?}"
        );
    }
}

#[test]
fn who_finds_no_connection_open_pays_for_connecting() {
    let server = postgres(&[]);
    for driver in DRIVERS {
        let first = format!("--driver {driver} --pool-sizes 8 --pool-min 1 --users 8");
        let step = step(server.url(), &first);
        assert_adds_up(&step);
        let parts = parts(&step);
        assert!((1..=8).contains(&parts.opened), "{driver}: {parts:?}");
        assert!(parts.connect_mean_ns > 0.0, "{driver}: {parts:?}");
    }
}

#[test]
fn a_wait_for_one_that_grew_too_old_is_a_wait_and_its_successor_a_connect() {
    let server = postgres(&[]);
    let args = "--driver sqlx --pool-sizes 1 --users 4 --max-lifetime 20ms";
    let step = step(server.url(), args);
    assert_adds_up(&step);
    let parts = parts(&step);
    assert!(
        parts.opened > 2 && parts.waited > parts.count / 2,
        "{parts:?}"
    );
    // Nearly all checkouts wait, and few of them open a connection.
    assert!(
        parts.connect_mean_ns > 0.0 && parts.wait_mean_ns > 0.0,
        "{parts:?}"
    );
}
