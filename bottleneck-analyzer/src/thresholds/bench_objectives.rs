//! Objectives of one bench: the shipped ones, with those of its profile and of the user's gates in their
//! place. Rules judge by these, so that a finding and a gate never disagree on a bound.

use super::{GateEntry, Objectives, ProfileExpectations, Thresholds};
use crate::assessment::ComponentKind;
use crate::requirement::GateFigure;

/// Objectives by which one bench is judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BenchObjectives {
    /// Percentile of latency, as in `p90`, with its bound in nanoseconds; `None` if none is set.
    pub(crate) latency: Option<(&'static str, f64)>,
    /// Operations to which `latency` does not apply, because gates of their own judge them.
    pub(crate) except: Vec<String>,
    /// Largest share of requests that may fail.
    pub(crate) error_ratio: f64,
    /// Smallest share of cache reads that must hit.
    pub(crate) cache_hit_ratio: f64,
}

impl Objectives {
    /// Returns the latency objective of a component: the percentile and the bound in milliseconds.
    /// `None` for the machine, which has none.
    pub(crate) fn latency_of(&self, component: ComponentKind) -> Option<(&'static str, f64)> {
        let latency = component.definition().latency.as_ref()?;
        Some((latency.percentile, (latency.bound_ms)(self)))
    }
}

impl Thresholds {
    /// Returns the objectives of a bench that loaded `component` under `scenario`, in a run under
    /// `profile`.
    pub(crate) fn objectives_of(
        &self,
        component: ComponentKind,
        scenario: &str,
        profile: Option<&str>,
    ) -> BenchObjectives {
        let shipped = &self.objectives;
        let latency = shipped.latency_of(component);
        let mut objectives = BenchObjectives {
            latency: latency.map(|(name, ms)| (name, ms * 1e6)),
            except: Vec::new(),
            error_ratio: shipped.error_ratio,
            cache_hit_ratio: shipped.cache_hit_ratio,
        };
        let expectations = profile.and_then(|name| self.profiles.get(name));
        if let Some(expectations) = expectations.filter(|e| !e.objectives) {
            objectives.expect(expectations);
        }
        let about = |entry: &&GateEntry| {
            entry.component.is_none_or(|kind| kind == component)
                && entry.scenario.as_ref().is_none_or(|name| name == scenario)
                && entry
                    .profile
                    .as_deref()
                    .is_none_or(|name| profile == Some(name))
                && entry.setting.is_empty()
        };
        let mut entries: Vec<&GateEntry> = self.gates.iter().filter(about).collect();
        entries.sort_by_key(|entry| entry.rank());
        for entry in entries {
            objectives.replace(entry);
        }
        objectives
    }
}

impl BenchObjectives {
    /// Puts the expectations of a profile in the place of the objectives on latency and errors.
    fn expect(&mut self, expectations: &ProfileExpectations) {
        self.latency = None;
        self.error_ratio = 1.0;
        for requirement in &expectations.expect {
            let value = requirement.bound.value;
            match requirement.figure {
                GateFigure::Percentile(name) => self.latency = Some((name, value)),
                GateFigure::Errors => self.error_ratio = value,
                GateFigure::Success => self.error_ratio = 1.0 - value,
                _ => {}
            }
        }
    }

    /// Puts the bound of a gate in the place of the objective on the same figure.
    fn replace(&mut self, entry: &GateEntry) {
        let value = entry.bound.bound.value;
        let is_of_all = entry.operation.is_none();
        match entry.bound.figure {
            GateFigure::Percentile(name) if self.latency.is_some_and(|(own, _)| own == name) => {
                match &entry.operation {
                    Some(operation) => self.except.push(operation.clone()),
                    None => self.latency = Some((name, value)),
                }
            }
            GateFigure::Errors if is_of_all => self.error_ratio = value,
            GateFigure::Success if is_of_all => self.error_ratio = 1.0 - value,
            GateFigure::HitRatio => self.cache_hit_ratio = value,
            _ => {}
        }
    }
}
