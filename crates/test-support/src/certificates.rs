//! Certificates that a test creates for its own servers and clients.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// Files of a certificate authority, and of certificates that it issued, each with its private key.
/// They are PEM files that only their owner can read.
#[derive(Debug)]
pub struct Certificates {
    /// File with the certificate of the authority.
    pub authority: PathBuf,
    /// Files with the certificate and the key of a server called `localhost`.
    pub server: (PathBuf, PathBuf),
    /// Files with the certificate and the key of a server that is called by its address, 127.0.0.1.
    pub server_by_address: (PathBuf, PathBuf),
    /// Files with the certificate, which no longer holds, and the key of a server called `localhost`.
    pub expired_server: (PathBuf, PathBuf),
    /// Files with the certificate and the key of a client called `app`.
    pub client: (PathBuf, PathBuf),
}

impl Certificates {
    /// Creates an authority and the certificates in `directory`.
    pub fn made_in(directory: &Path) -> Self {
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
        let issue_until = |name: &str, file: &str, until: i32| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new([name.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_after = date_time_ymd(until, 1, 1);
            let certificate = params.signed_by(&key, &issuer).unwrap();
            (
                write(&format!("{file}.crt"), certificate.pem()),
                write(&format!("{file}.key"), key.serialize_pem()),
            )
        };
        let issue = |name: &str| issue_until(name, name, 4000);
        Self {
            authority,
            server: issue("localhost"),
            server_by_address: issue("127.0.0.1"),
            expired_server: issue_until("localhost", "expired", 2001),
            client: issue("app"),
        }
    }
}
