//! Connections as real servers ask for them: TLS in every mode, certificates made here, SCRAM with
//! channel binding, sockets, password files, variables, several hosts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use bench_report::Report;
use common::{PASSWORD, REPORT, Talk, postgres, report, sweep};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use test_support::Place;
use testbed::Postgres;

/// An authority with what it issued, as files.
struct Certificates {
    authority: PathBuf,
    server: (String, String),
    client: (PathBuf, PathBuf),
}

impl Certificates {
    /// For a server called `localhost` and a client that logs in as `app`.
    fn made_in(directory: &Path) -> Self {
        let write = |name: &str, text: String| {
            let file = directory.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            file
        };
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority");
        let authority = write("ca.pem", params.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(params, key);
        let issue = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new([name.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            let certificate = params.signed_by(&key, &issuer).unwrap();
            (certificate.pem(), key.serialize_pem())
        };
        let (certificate, key) = issue("app");
        Self {
            authority,
            server: issue("localhost"),
            client: (write("app.crt", certificate), write("app.key", key)),
        }
    }
}

/// A server that speaks TLS, and over TCP nothing else; `app` must show a certificate.
fn tls_server(certificates: &Certificates) -> Postgres {
    let server = postgres(&[]);
    let data = server.directory().join("data");
    let owner = fs::metadata(&data).unwrap();
    let give = |name: &str, text: &str| {
        let file = data.join(name);
        fs::write(&file, text).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    };
    give("server.crt", &certificates.server.0);
    give("server.key", &certificates.server.1);
    give(
        "ca.crt",
        &fs::read_to_string(&certificates.authority).unwrap(),
    );
    let talk = Talk::to(server.url());
    talk.execute("CREATE ROLE app LOGIN; GRANT CREATE ON DATABASE plimsoll TO app");
    talk.execute("ALTER SYSTEM SET ssl_ca_file = 'ca.crt'");
    talk.execute("ALTER SYSTEM SET ssl = on");
    give(
        "pg_hba.conf",
        "hostssl all app 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
    );
    talk.execute("SELECT pg_reload_conf()");
    test_support::eventually("it speaks TLS", || {
        talk.names("SELECT setting FROM pg_settings WHERE name = 'ssl'") == ["on"]
    });
    server
}

const SHORT: &str =
    "--pool-sizes 2 --users 2 --repeats 1 --warmup 0 --duration 200ms --workload read-heavy";

/// A short sweep at `url` with these drivers and variables: its report, or what it said.
fn tried(url: &str, drivers: &str, variables: &[(&str, &str)]) -> Result<Report, String> {
    let place = Place::new();
    let mut command = sweep(&place, SHORT);
    command
        .args(["--driver", drivers, "--url", url])
        .env("HOME", place.path());
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains(PASSWORD), "{said}");
    if output.status.code() != Some(0) {
        return Err(said);
    }
    assert!(
        !fs::read_to_string(place.path().join(REPORT))
            .unwrap()
            .contains(PASSWORD)
    );
    let report = report(&place);
    for step in &report.steps {
        assert!(
            step.throughput_per_s() > 0.0,
            "{}: {:?}",
            step.name,
            step.end
        );
        assert_eq!(
            step.error_ratio(),
            Some(0.0),
            "{}: {:?}",
            step.name,
            step.failures
        );
    }
    Ok(report)
}

fn tls(report: &Report) -> &str {
    report.config["tls"].as_str().unwrap()
}

/// The server takes nothing but TLS over TCP, so each driver that gets in speaks it.
#[test]
fn every_driver_speaks_tls_as_sslmode_asks_for_it() {
    let place = Place::new();
    let certificates = Certificates::made_in(place.path());
    let server = tls_server(&certificates);
    let ca = certificates.authority.display();
    let at = |host: &str, parameters: &str| {
        let url = server.url().replace("127.0.0.1", host);
        tried(&format!("{url}?{parameters}"), "direct,deadpool,sqlx", &[])
    };

    let report = at(
        "localhost",
        &format!("sslmode=verify-full&sslrootcert={ca}"),
    )
    .unwrap();
    assert!(tls(&report).starts_with("TLSv1.3"), "{}", tls(&report));
    assert_eq!(report.steps.len(), 3);
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

    let other = Place::new();
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
    let place = Place::new();
    let certificates = Certificates::made_in(place.path());
    let server = tls_server(&certificates);
    let (certificate, key) = &certificates.client;
    let app = format!("postgres://app@127.0.0.1:{}/plimsoll", server.port());
    let shown = format!(
        "{app}?sslcert={}&sslkey={}",
        certificate.display(),
        key.display()
    );
    assert!(tried(&shown, "direct,deadpool,sqlx", &[]).is_ok());
    let said = tried(&app, "direct", &[]).unwrap_err();
    assert!(said.contains("certificate"), "{said}");
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = tried(&shown, "direct", &[]).unwrap_err();
    assert!(said.contains("chmod 0600"), "{said}");

    let bound = format!("{}?channel_binding=require&sslmode=require", server.url());
    let bound_login = tried(&bound, "direct,deadpool", &[]);
    assert!(bound_login.is_ok(), "{bound_login:?}");
    let said = tried(&bound, "sqlx", &[]).unwrap_err();
    assert!(
        said.contains("sqlx") && said.contains("channel_binding"),
        "{said}"
    );
    let unbound = postgres(&[]);
    let said = tried(
        &format!("{}?channel_binding=require", unbound.url()),
        "direct",
        &[],
    )
    .unwrap_err();
    assert!(said.contains("channel binding"), "{said}");
}

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
    let report = tried("postgres://", "direct,deadpool,sqlx", &with_password).unwrap();
    assert_eq!(report.config["server_settings"]["work_mem"], "3MB");
    assert_eq!(tls(&report), "none");

    let place = Place::new();
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
    assert!(tried("postgres://", "direct,deadpool,sqlx", &with_file).is_ok());
    mode(0o640);
    let said = tried("postgres://", "direct", &with_file).unwrap_err();
    assert!(
        said.contains("passwords was not read") && said.contains("chmod 0600"),
        "{said}"
    );
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
    let report = tried(&url, "direct,deadpool,sqlx", &[]).unwrap();
    assert!(
        report.config["url"]
            .as_str()
            .unwrap()
            .contains(&format!("host={directory}"))
    );
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
    let report = tried(
        &format!("{url}?target_session_attrs=read-write"),
        "direct,deadpool,sqlx",
        &[],
    );
    assert_eq!(report.unwrap().steps.len(), 3);
    let loaded = "SELECT count(*)::text FROM pg_stat_database WHERE datname = 'plimsoll' AND tup_inserted > 1000";
    assert_eq!(Talk::to(writes.url()).names(loaded), ["1"]);
    // Without the condition it is the first that answers, where no schema can be made.
    let said = tried(&url, "direct", &[]).unwrap_err();
    assert!(said.contains("read-only transaction"), "{said}");
}
