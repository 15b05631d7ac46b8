//! Tests of the ways to reach a server: environment variables, password files, sockets, several
//! hosts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::common::{PASSWORD, Talk, postgres};
use crate::reaching::{tls, tried};
use pg_connect::Address;
use pg_evidence::Client;
use test_support::TestDirectory;

const ALL: &str = "wire,direct,deadpool,sqlx";

#[test]
fn the_login_may_come_from_variables_or_a_password_file_that_nobody_else_can_read() {
    let server = postgres(&[]);
    let port = server.port().to_string();
    let variables = [
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", port.as_str()),
        ("PGUSER", "plimsoll"),
        ("PGDATABASE", "plimsoll"),
        ("PGOPTIONS", "-c work_mem=3MB"),
    ];
    let with_password = [variables.as_slice(), &[("PGPASSWORD", PASSWORD)]].concat();
    let report = tried("postgres://", ALL, &with_password).unwrap();
    assert_eq!(report.config["server_settings"]["work_mem"], "3MB");
    assert_eq!(tls(&report), "none");

    let place = TestDirectory::new();
    let file = place.path().join("passwords");
    fs::write(
        &file,
        format!("other:*:*:*:wrong\n127.0.0.1:{port}:plimsoll:*:{PASSWORD}\n"),
    )
    .unwrap();
    let named = file.display().to_string();
    let with_file = [variables.as_slice(), &[("PGPASSFILE", &named)]].concat();
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    assert!(tried("postgres://", ALL, &with_file).is_ok());
    mode(0o640);
    let said = tried("postgres://", "direct", &with_file).unwrap_err();
    assert!(
        said.contains("passwords was not read") && said.contains("chmod 0600"),
        "{said}"
    );
}

/// A password that psql, as a user of libpq, finds in a password file must be found by this program
/// as well.
#[test]
fn a_password_file_says_what_it_says_to_psql() {
    let server = postgres(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let talk = Talk::to(server.url());
    talk.execute("CREATE ROLE odd LOGIN PASSWORD 'a:b\\c'");
    let place = TestDirectory::new();
    let file = place.path().join("passwords");
    let port = server.port();
    let url = format!(
        "postgres://odd@127.0.0.1:{port}/plimsoll?passfile={}",
        file.display()
    );
    for (lines, gets_in) in [
        (format!("127.0.0.1:{port}:plimsoll:odd:a\\:b\\\\c\n"), true),
        ("*:*:*:odd:a\\:b\\\\c\r\n".to_owned(), true),
        ("*:*:*:odd:a\\:b\\\\c:and more\n".to_owned(), true),
        (
            "# *:*:*:*:no\n\nno:line\n*:*:*:*:a\\:b\\\\c".to_owned(),
            true,
        ),
        ("*:*:*:odd:a:b\\\\c\n".to_owned(), false),
        ("\\*:*:*:odd:a\\:b\\\\c\n".to_owned(), false),
        ("localhost:*:*:odd:a\\:b\\\\c\n".to_owned(), false),
        ("*:*:*:*:other\n*:*:*:odd:a\\:b\\\\c\n".to_owned(), false),
    ] {
        fs::write(&file, &lines).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let psql = place
            .command(
                server.bin_dir().join("psql"),
                &["-w", &url, "-c", "SELECT 1"],
            )
            .output()
            .unwrap();
        assert_eq!(psql.status.success(), gets_in, "psql: {lines}");
        let ours = runtime.block_on(Client::open(&Address::parse(&url).unwrap(), "a_test"));
        assert_eq!(ours.is_ok(), gets_in, "{lines}: {:?}", ours.err());
    }
}

#[test]
fn a_variable_that_no_driver_can_follow_is_refused_instead_of_meeting_another_server() {
    let server = postgres(&[]);
    for (variable, value) in [
        ("PGSERVICE", "elsewhere"),
        ("PGREQUIREAUTH", "scram-sha-256"),
        ("PGSSLCRL", "/crl.pem"),
        ("PGCONNECT_TIMEOUT", "soon"),
    ] {
        let said = tried(server.url(), ALL, &[(variable, value)]).unwrap_err();
        let named = [variable, &variable[2..].to_lowercase()];
        assert!(named.iter().any(|name| said.contains(name)), "{said}");
    }
}

/// A host that accepts connections but never answers, like a firewall or a server that hangs, is
/// given up after the connect time-out.
#[test]
fn a_host_that_lets_in_and_says_nothing_is_given_up_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    let server = postgres(&[]);
    let one_second = [("PGCONNECT_TIMEOUT", "1")];
    let nobody = format!("postgres://app@{silent}/shop?sslmode=disable");
    let said = tried(&nobody, "direct", &one_second).unwrap_err();
    assert!(said.contains("timeout"), "{said}");
    let first = format!(
        "postgres://plimsoll:{PASSWORD}@{silent},127.0.0.1:{}/plimsoll",
        server.port()
    );
    let report = tried(&first, ALL, &one_second).unwrap();
    assert_eq!(report.steps.len(), 4);
}

#[test]
fn a_socket_is_reached_by_its_directory() {
    let server = postgres(&[]);
    let directory = server.directory().join("data").display().to_string();
    let url = format!(
        "postgres://plimsoll:{PASSWORD}@{}:{}/plimsoll?sslmode=require",
        directory.replace('/', "%2F"),
        server.port()
    );
    let report = tried(&url, ALL, &[]).unwrap();
    assert!(
        report.config["url"]
            .as_str()
            .unwrap()
            .contains(&format!("host={directory}"))
    );
}

/// An address that psql, as a user of libpq, understands must be understood by every driver of this
/// program.
#[test]
fn a_string_of_keywords_or_a_list_of_hosts_reaches_the_server_that_psql_reaches() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    let odd = "it's \\ @:/?#%";
    let escaped = odd.replace('\'', "''");
    talk.execute(&format!(
        "CREATE ROLE \"odd one\" LOGIN PASSWORD '{escaped}' SUPERUSER"
    ));
    let place = TestDirectory::new();
    let port = server.port();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let quoted = odd.replace('\\', "\\\\").replace('\'', "\\'");
    let socket = server.directory().join("data").display().to_string();
    for address in [
        format!("host=127.0.0.1 port={port} user=plimsoll password={PASSWORD} dbname=plimsoll"),
        format!(
            "host = 127.0.0.1 port={port} user='odd one' password='{quoted}' dbname = 'plimsoll'"
        ),
        format!("hostaddr=127.0.0.1 port={port} user=plimsoll password={PASSWORD}"),
        format!(
            "host=127.0.0.1,127.0.0.1 port={nobody},{port} user=plimsoll password={PASSWORD} target_session_attrs=read-write"
        ),
        format!("host='{socket}' port={port} user=plimsoll password={PASSWORD}"),
        format!(
            "postgres:///plimsoll?host=127.0.0.1,127.0.0.1&port={nobody},{port}&user=plimsoll&password={PASSWORD}"
        ),
        format!(
            "postgres://plimsoll:{PASSWORD}@127.0.0.1:{nobody},127.0.0.1:{port}/plimsoll?target_session_attrs=primary"
        ),
        format!("postgres://odd%20one:it's%20%5C%20%40:%2F?#%25@127.0.0.1:{port}/plimsoll"),
    ] {
        let psql = place
            .command(
                server.bin_dir().join("psql"),
                &["-w", &address, "-c", "SELECT 1"],
            )
            .output()
            .unwrap();
        assert!(psql.status.success(), "psql: {address}: {psql:?}");
        let report = tried(&address, ALL, &[]).unwrap_or_else(|said| panic!("{address}: {said}"));
        assert_eq!(report.steps.len(), 4, "{address}");
        let shown = report.config["url"].as_str().unwrap();
        assert!(!shown.contains("it's"), "{shown}");
    }
    for (address, told) in [
        (
            format!("host=127.0.0.1 port={port} service=shop"),
            "service is not supported",
        ),
        (
            format!("host=db hostaddr=127.0.0.1 port={port}"),
            "hostaddr beside a host",
        ),
        (
            format!("host=127.0.0.1 port={port} password=a b"),
            "behind the value of password",
        ),
        (
            format!("postgres://plimsoll:{PASSWORD}@x@127.0.0.1:{port}/plimsoll"),
            "an @ too many",
        ),
    ] {
        let said = tried(&address, "wire", &[]).unwrap_err();
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn of_several_hosts_the_first_that_suits_is_loaded_by_all_drivers() {
    let reads = postgres(&[]);
    let talk = Talk::to(reads.url());
    talk.execute("ALTER SYSTEM SET default_transaction_read_only = on");
    talk.execute("SELECT pg_reload_conf()");
    let writes = postgres(&[]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let hosts = [nobody, reads.port(), writes.port()].map(|port| format!("127.0.0.1:{port}"));
    let url = format!(
        "postgres://plimsoll:{PASSWORD}@{}/plimsoll",
        hosts.join(",")
    );
    let report = tried(&format!("{url}?target_session_attrs=read-write"), ALL, &[]);
    assert_eq!(report.unwrap().steps.len(), 4);
    let loaded = "SELECT count(*)::text FROM pg_stat_database WHERE datname = 'plimsoll' AND tup_inserted > 1000";
    assert_eq!(Talk::to(writes.url()).names(loaded), ["1"]);
    let primary = [("PGTARGETSESSIONATTRS", "primary")];
    assert!(tried(&url, "wire", &primary).is_ok());
    // Without the condition, the first host that answers is used; no schema can be created there.
    let said = tried(&url, "direct", &[]).unwrap_err();
    assert!(said.contains("read-only transaction"), "{said}");
}
