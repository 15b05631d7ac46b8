//! Server that requires TLS, and the certificates for it, which the tests create.
#![allow(dead_code)] // Each test file uses its part.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use testbed::Postgres;

use crate::common::{Talk, postgres};

/// Files of a certificate authority, and certificates with their private keys that it issued: for a
/// server as PEM texts, for a client as paths.
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) server: (String, String),
    pub(crate) client: (PathBuf, PathBuf),
}

impl Certificates {
    /// Creates an authority in `directory`, a certificate for a server called `localhost`, and one
    /// for a client that logs in as `app`. Files are readable by the owner only.
    pub(crate) fn made_in(directory: &Path) -> Self {
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

/// Starts a server that requires TLS over TCP. The user `app` logs in with a client certificate,
/// all others with a password.
pub(crate) fn tls_server(certificates: &Certificates) -> Postgres {
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
