//! Flag `--url`, the server of the load.

use bench_cli::UsageError;

use crate::server::endpoint::TargetUrl;

/// Parses the URL that a flag gives; `None` without one.
///
/// # Errors
/// If it is no URL of a WebSocket server.
pub(super) fn target(url: Option<&str>) -> Result<Option<TargetUrl>, UsageError> {
    let target = url.map(TargetUrl::parse).transpose();
    target.map_err(|error| UsageError(error.to_string()))
}
