//! Test of every driver through PgBouncer in transaction mode.

use pg_connect::Address;
use test_support::TestDirectory;

use super::bouncer::PgBouncer;
use super::variants::{Variants, ask_nothing, setup};
use crate::common::{Talk, postgres};

const REASON: &str = "from version 1.21 on";

/// Verifies that each driver fails with the missing statement as the reason. PgBouncer has two
/// sessions on the server, and another client always occupies one of them. Each driver therefore
/// prepares its statement on one session and executes it on the other.
#[test]
fn an_arm_that_meets_a_session_without_its_statements_says_so() {
    let Some(pgbouncer) = PgBouncer::installed() else {
        return;
    };
    let server = postgres(&[]);
    let place = TestDirectory::new();
    let transaction = "pool_mode = transaction\ndefault_pool_size = 2\n";
    let bouncer = pgbouncer.start(place.path(), &server, transaction);
    let others = [Talk::to(&bouncer.url), Talk::to(&bouncer.url)];
    let variants = Variants::of(setup(Address::parse(&bouncer.url).unwrap(), ask_nothing()));
    others[0].execute("BEGIN");
    let all = variants.each_between(1, |variant| {
        // Occupies the session on which the driver prepared, and frees the other one.
        others[(variant + 1) % 2].execute("BEGIN");
        others[variant % 2].execute("COMMIT");
    });
    others[0].execute("COMMIT");
    for (driver, met) in ["wire", "direct", "deadpool", "sqlx"].iter().zip(all) {
        let [met] = &met[..] else {
            panic!("{driver}: {met:?}");
        };
        if pgbouncer.keeps_statements() {
            assert_eq!(met, &None, "{driver}");
            continue;
        }
        let failure = met.as_ref().expect("it met its own session");
        assert_eq!(failure.kind, "sqlstate.26000", "{driver}: {failure}");
        assert!(failure.to_string().contains(REASON), "{driver}: {failure}");
    }
}
