//! Verification of a server's certificate as far as `sslmode` demands it.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::pem::certificates;
use crate::tls_mode::TlsMode;

/// Verifier of the server's certificate, as `sslmode` demands, and always of the server's
/// possession of the certificate's key.
#[derive(Debug)]
pub(crate) struct CertificateVerifier {
    provider: Arc<CryptoProvider>,
    /// Trusted authorities; `None` if the certificate is not checked.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// True if the certificate must be issued for the name of the host.
    names: bool,
}

impl CertificateVerifier {
    /// Creates a verifier for `mode`. From `verify-ca` on it trusts the authorities in the PEM file
    /// `roots`; below, `roots` is not read.
    ///
    /// # Errors
    /// Returns a message if `mode` needs authorities and `roots` is `None` or cannot be read.
    pub(crate) fn new(
        mode: TlsMode,
        roots: Option<&Path>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let authorities = if mode >= TlsMode::VerifyCa {
            let file = roots.ok_or(
                "sslmode=verify-ca and verify-full need the certificate of the authority; name its file with sslrootcert",
            )?;
            if file == Path::new("system") {
                return Err("sslrootcert=system is not supported; name a file".to_owned());
            }
            let mut store = RootCertStore::empty();
            for certificate in certificates(file)? {
                store
                    .add(certificate)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
            }
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
            Some(verifier.build().map_err(|error| error.to_string())?)
        } else {
            None
        };
        Ok(Self {
            provider: Arc::clone(provider),
            authorities,
            names: mode == TlsMode::VerifyFull,
        })
    }
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified = authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
