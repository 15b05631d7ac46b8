//! Default durations and repeats of the steps of `sweep` and `scale`.

use std::time::Duration;

use bench_cli::load::Defaults;
use load_engine::RuntimeKind;

pub(crate) const DEFAULTS: Defaults = Defaults {
    warmup: Duration::from_secs(1),
    measure: Duration::from_secs(5),
    repeats: 3,
    runtime: RuntimeKind::Shared,
};
