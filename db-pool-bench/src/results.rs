//! Results of one setting of a driver: all its repeats together.

use crate::drivers::Driver;

/// Results of one setting of a driver.
pub(crate) type SettingResults<'a> = bench_cli::settings::SettingResults<'a, Driver>;
