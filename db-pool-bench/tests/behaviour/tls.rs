//! Tests of TLS with every `sslmode` and every driver: with certificates that the tests create,
//! SCRAM with channel binding, and scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::common::{Talk, postgres, report, sweep};
use crate::reaching::{tls, tried};
use crate::tls_server::tls_server;
use test_support::{Certificates, TestDirectory};

const ALL: &str = "wire,direct,deadpool,sqlx";

/// The server accepts only TLS over TCP, so each driver that connects uses TLS.
#[test]
fn every_driver_speaks_tls_as_sslmode_asks_for_it() {
    let place = TestDirectory::new();
    let certificates = Certificates::made_in(place.path());
    let server = tls_server(&certificates);
    let ca = certificates.authority.display();
    let at = |host: &str, parameters: &str| {
        let url = server.url().replace("127.0.0.1", host);
        tried(&format!("{url}?{parameters}"), ALL, &[])
    };

    let report = at(
        "localhost",
        &format!("sslmode=verify-full&sslrootcert={ca}"),
    )
    .unwrap();
    assert!(tls(&report).starts_with("TLSv1.3"), "{}", tls(&report));
    assert_eq!(report.steps.len(), 4);
    for good in ["sslmode=prefer", "sslmode=require", "sslmode=allow"] {
        assert!(
            tls(&at("127.0.0.1", good).unwrap()).starts_with("TLSv1"),
            "{good}"
        );
    }
    assert!(
        at("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={ca}")).is_ok(),
        "any name"
    );

    let said = at(
        "127.0.0.1",
        &format!("sslmode=verify-full&sslrootcert={ca}"),
    )
    .unwrap_err();
    assert!(said.contains("certificate is for another name"), "{said}");
    assert!(
        said.contains("verify-full") && said.contains("localhost"),
        "{said}"
    );
    let said = at("127.0.0.1", "sslmode=disable").unwrap_err();
    assert!(said.contains("no encryption"), "{said}");

    let other = TestDirectory::new();
    let stranger = Certificates::made_in(other.path()).authority;
    let stranger = format!("sslmode=require&sslrootcert={}", stranger.display());
    let said = at("localhost", &stranger).unwrap_err();
    assert!(
        said.contains("was not issued by an authority in sslrootcert"),
        "{said}"
    );
}

#[test]
fn a_client_certificate_logs_in_and_scram_binds_the_channel() {
    let place = TestDirectory::new();
    let certificates = Certificates::made_in(place.path());
    let server = tls_server(&certificates);
    let (certificate, key) = &certificates.client;
    let app = format!("postgres://app@127.0.0.1:{}/plimsoll", server.port());
    let shown = format!(
        "{app}?sslcert={}&sslkey={}",
        certificate.display(),
        key.display()
    );
    assert!(tried(&shown, ALL, &[]).is_ok());
    let said = tried(&app, "direct", &[]).unwrap_err();
    assert!(said.contains("certificate"), "{said}");
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = tried(&shown, "direct", &[]).unwrap_err();
    assert!(said.contains("chmod 0600"), "{said}");

    let bound = format!("{}?channel_binding=require&sslmode=require", server.url());
    let bound_login = tried(&bound, "wire,direct,deadpool", &[]);
    assert!(bound_login.is_ok(), "{bound_login:?}");
    let said = tried(&bound, "sqlx", &[]).unwrap_err();
    assert!(
        said.contains("sqlx") && said.contains("channel_binding"),
        "{said}"
    );
    let unbound = postgres(&[]);
    let url = format!("{}?channel_binding=require", unbound.url());
    let said = tried(&url, "direct", &[]).unwrap_err();
    assert!(said.contains("channel binding"), "{said}");
}

#[test]
fn scripts_run_over_tls_on_every_driver() {
    let place = TestDirectory::new();
    let certificates = Certificates::made_in(place.path());
    let server = tls_server(&certificates);
    let talk = Talk::to(server.url());
    talk.execute(
        "CREATE TABLE paid (who int, amount int, note text);
         CREATE TABLE sums (who int PRIMARY KEY, amount bigint NOT NULL);
         INSERT INTO sums SELECT id, 0 FROM generate_series(0, 9) id",
    );
    // An answer of many records, and a request that takes several.
    let text = "\\set amount random(1, 100)
        BEGIN;
        INSERT INTO paid VALUES (:client_id, :amount, repeat('x', 20000));
        UPDATE sums SET amount = amount + :amount WHERE who = :client_id;
        SELECT who, amount, note FROM paid WHERE who = :client_id ORDER BY amount LIMIT 5;
        END;";
    fs::write(place.path().join("pay.sql"), text).unwrap();
    let url = server.url().replace("127.0.0.1", "localhost");
    let url = format!(
        "{url}?sslmode=verify-full&sslrootcert={}",
        certificates.authority.display()
    );
    let args = "--script pay.sql --pool-sizes 2 --users 2 --repeats 1 --warmup 0 --duration 300ms";
    let output = sweep(&place, args)
        .args(["--driver", ALL, "--url", &url])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report = report(&place);
    assert!(tls(&report).starts_with("TLSv1"), "{said}");
    assert_eq!(report.steps.len(), 4);
    for step in &report.steps {
        let pay = &step.operations["pay"];
        assert!(pay.succeeded > 0 && pay.errors.is_empty(), "{pay:?}");
        assert_eq!(step.parts.len(), 5, "{:?}", step.parts.keys());
    }
    let differ = "SELECT count(*)::text FROM sums s
        WHERE amount <> (SELECT coalesce(sum(amount), 0) FROM paid p WHERE p.who = s.who)";
    assert_eq!(
        talk.names(differ),
        ["0"],
        "each sum is that of its payments"
    );
    talk.assert_nothing_is_left();
}
