//! Group of settings that are compared with each other: one driver under one set of conditions,
//! with ascending sizes.

use bench_report::{Report, Step};

use super::PoolSweepSetting;
use crate::conditions::Conditions;
use crate::drivers::Driver;
use crate::results::SettingResults;

/// Results of the settings of a sweep that have the same driver and conditions.
#[derive(Debug)]
pub(super) struct SettingGroup<'a> {
    pub(super) driver: Driver,
    pub(super) conditions: Conditions,
    /// Name of the group in reports: that of the driver, followed by the conditions if the sweep
    /// has several.
    pub(super) subject: String,
    /// Results in ascending order of size: connections of the pool, or users without a pool.
    pub(super) results: Vec<SettingResults<'a>>,
}

impl<'a> SettingGroup<'a> {
    /// Groups the results of `settings` in `report` by driver and conditions; the groups have the
    /// order of their first setting.
    pub(super) fn all(report: &'a Report, settings: &[PoolSweepSetting]) -> Vec<Self> {
        let crossed = settings
            .iter()
            .any(|s| s.conditions != settings[0].conditions);
        let mut groups: Vec<Self> = Vec::new();
        for &setting in settings {
            let result = SettingResults::new(
                setting.driver,
                setting.name(),
                setting.size,
                &report.steps,
                |step| is_of(step, setting),
            );
            let PoolSweepSetting {
                driver, conditions, ..
            } = setting;
            let same = |g: &&mut Self| g.driver == driver && g.conditions == conditions;
            if let Some(group) = groups.iter_mut().find(same) {
                group.results.push(result);
                continue;
            }
            let subject = if crossed {
                format!("{}, {conditions}", driver.name())
            } else {
                driver.name().to_owned()
            };
            groups.push(Self {
                driver,
                conditions,
                subject,
                results: vec![result],
            });
        }
        groups
    }

    /// Returns the highest mean throughput of any size, in requests per second; `None` if no step
    /// was completed.
    pub(super) fn best_throughput_per_s(&self) -> Option<f64> {
        let each = self
            .results
            .iter()
            .filter_map(SettingResults::throughput_per_s);
        each.max_by(f64::total_cmp)
    }
}

fn is_of(step: &Step, setting: PoolSweepSetting) -> bool {
    let text = |name: &str| step.parameters.get(name).map(ToString::to_string);
    text("driver").as_deref() == Some(setting.driver.name())
        && text(setting.driver.swept()) == Some(setting.size.to_string())
        && setting
            .condition_parameters()
            .iter()
            .all(|(name, value)| text(name).as_ref() == Some(value))
}
