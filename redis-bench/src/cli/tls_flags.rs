//! Flags of a connection with TLS.

use std::path::PathBuf;

use clap::Args;

/// Flags of a connection with TLS, which a URL that begins with `rediss://` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct TlsFlags {
    /// For TLS: certificates of the authorities to trust, a PEM file
    /// [default: those that this machine trusts]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// For TLS: certificate to show to the server, a PEM file
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// For TLS: private key of --cert, a PEM file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
}

impl TlsFlags {
    /// Returns the flags that are given, with their files, as on the command line.
    pub(crate) fn given(&self) -> Vec<(&'static str, &PathBuf)> {
        let flags = [
            ("--ca", &self.ca),
            ("--cert", &self.cert),
            ("--key", &self.key),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(flag, file)| Some((flag, file.as_ref()?)));
        given.collect()
    }
}
