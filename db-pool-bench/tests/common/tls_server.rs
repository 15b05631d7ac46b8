//! Server that requires TLS.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use test_support::Certificates;
use testbed::Postgres;

use crate::common::{Talk, postgres};

/// Starts a server that requires TLS over TCP. The user `app` logs in with a client certificate,
/// all others with a password.
pub(crate) fn tls_server(certificates: &Certificates) -> Postgres {
    let server = postgres(&[]);
    let data = server.directory().join("data");
    let owner = fs::metadata(&data).unwrap();
    let give = |name: &str, bytes: &[u8]| {
        let file = data.join(name);
        fs::write(&file, bytes).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let copy = |name: &str, file: &Path| give(name, &fs::read(file).unwrap());
    copy("server.crt", &certificates.server.0);
    copy("server.key", &certificates.server.1);
    copy("ca.crt", &certificates.authority);
    let talk = Talk::to(server.url());
    talk.execute("CREATE ROLE app LOGIN; GRANT CREATE ON DATABASE plimsoll TO app");
    talk.execute("ALTER SYSTEM SET ssl_ca_file = 'ca.crt'");
    talk.execute("ALTER SYSTEM SET ssl = on");
    give(
        "pg_hba.conf",
        b"hostssl all app 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
    );
    talk.execute("SELECT pg_reload_conf()");
    test_support::eventually("it speaks TLS", || {
        talk.names("SELECT setting FROM pg_settings WHERE name = 'ssl'") == ["on"]
    });
    server
}
