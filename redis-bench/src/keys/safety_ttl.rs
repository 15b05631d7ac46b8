//! Time to live of keys that have no expiry of their own, so that they do not stay on the user's
//! server for ever if the run is killed.

use std::time::Duration;

use bench_cli::load::Defaults;
use testbed::token;

use crate::cli::CommonFlags;
use crate::clients;

/// Time for which the keys outlive the planned length of the run, for filling and pauses.
const RESERVE: Duration = Duration::from_hours(1);

/// Returns the longest life of the keys of a run that measures each way to connect of its flags, and
/// those of [`clients::DEFAULT`] without flags.
pub(crate) fn of_clients(flags: &CommonFlags, defaults: Defaults) -> Option<Duration> {
    let clients = clients::selected(&flags.client, &clients::DEFAULT);
    let settings = clients.iter().map(|client| flags.settings(*client));
    of_run(flags, defaults, settings.sum())
}

/// Returns the longest life of the keys of a run that measures this number of settings: the planned
/// length of all steps and an hour. `None` on a throwaway server, which takes its keys with it.
pub(crate) fn of_run(flags: &CommonFlags, defaults: Defaults, settings: usize) -> Option<Duration> {
    let url = flags.server.url.as_deref()?;
    if token::is_ours(&std::env::var(token::ENV).unwrap_or_default(), url) {
        return None;
    }
    let load = &flags.load;
    let step = load.step.warmup(defaults) + load.measure(defaults);
    let steps = load.step.repeats(defaults).saturating_mul(settings as u64);
    let planned = step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX));
    Some(planned.saturating_add(RESERVE))
}
