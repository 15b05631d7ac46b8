//! Flags that define the load of scenarios whose load may change during a step.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_report::Pacing;
use clap::Args;
use load_engine::{LoadCurve, LoadPlan, StepPlan, ThinkTime};
use serde_json::{Value, json};

use crate::exit::UsageError;
use crate::flags;
use crate::load::curve_values;
use crate::load::{Defaults, LoadConflicts, PacingFlag, StepFlags};
use crate::rates::find_rate::{FindRateFlags, tell_open_loop};
use crate::rates::rate_finder::RateStep;

/// Explanation of the forms of curves, shown at the end of a scenario's help.
pub const CURVES_HELP: &str = "\
Curves, for --rate and --users; results are told by segment:
  ramp:10..200/5m      from 10 to 200 in five minutes
  stairs:10,50,100/1m  each for a minute
  spike:20,200/30s     20, then 200 for thirty seconds, then 20 again: the spike
                       comes after a third of the time left
  sine:100,50/1m       100, up and down by 50, each wave a minute long
  file:curve.csv       straight lines between its lines of seconds,value";

/// Flags that define a load that may change during a step.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct CurveLoadFlags {
    // Must be the first field, because the fields after it remove their values from the parsed
    // arguments.
    #[command(flatten)]
    _exclusive: LoadConflicts,

    /// Users who each wait for their answer (closed loop): a number, or a curve (see below)
    #[arg(long, value_parser = curve_values::users_or_curve, value_name = "N|CURVE")]
    pub users: Option<LoadCurve>,

    /// Arrivals per second, whatever the answers do (open loop): a number, or a curve (see below)
    #[arg(long, value_parser = curve_values::rate_or_curve, value_name = "PER_S|CURVE")]
    pub rate: Option<LoadCurve>,

    /// Flag of the search for the highest rate that keeps given bounds.
    #[command(flatten)]
    pub search: FindRateFlags,

    /// Largest number of users that start per second, each with a session of its own from then on
    /// [default: all when they are due]
    #[arg(long, value_parser = flags::rate, value_name = "PER_S")]
    pub spawn_rate: Option<f64>,

    /// Distribution of the gaps between arrivals [default: constant]
    #[arg(long, value_enum)]
    pub pacing: Option<PacingFlag>,

    /// Flags that apply to each step.
    #[command(flatten)]
    pub step: StepFlags,
}

impl CurveLoadFlags {
    /// Refuses flags that have no effect on the kind of load, such as `--spawn-rate` together with
    /// `--rate`, and a curve that does not fit the length of the measured part. A worker process
    /// does not call this, because it gets the flags without `--rate` and `--users`.
    ///
    /// # Errors
    ///
    /// Fails with a message that says what to change.
    pub fn check(&self, defaults: Defaults) -> Result<(), UsageError> {
        if let Some(why) = self.without_effect() {
            return Err(UsageError(why.to_owned()));
        }
        match self.curve() {
            Some(curve) => curve
                .over(self.measure(defaults))
                .map(drop)
                .map_err(|error| UsageError(error.to_string())),
            None => Ok(()),
        }
    }

    /// Returns a sentence about the first flag that has no effect on the kind of load that the
    /// other flags define; `None` if each has one. With `--find-rate`, clap has refused the flags
    /// of a closed loop already.
    fn without_effect(&self) -> Option<&'static str> {
        let has_rate = self.rate.is_some();
        if has_rate && self.spawn_rate.is_some() {
            return Some(
                "--spawn-rate starts users, and with a rate there are none: arrivals wait for \
                 nobody; leave one of the two out",
            );
        }
        if has_rate && self.step.think_time != ThinkTime::NONE {
            return Some(
                "--think-time makes users pause, and with a rate there are none: arrivals wait \
                 for nobody; leave one of the two out",
            );
        }
        if has_rate || self.search.is_given() {
            return None;
        }
        if self.pacing.is_some() {
            return Some(
                "--pacing sets the gaps between arrivals, and users who wait for their answers \
                 make none; add --rate PER_S, or leave --pacing out",
            );
        }
        self.step.spin.then_some(
            "--spin waits for the instants of arrivals, and users who wait for their answers have \
             none; add --rate PER_S, or leave --spin out",
        )
    }

    /// Returns the distribution of the gaps between arrivals: `--pacing`, or equal gaps.
    fn pacing(&self) -> Pacing {
        self.pacing.unwrap_or_default().into()
    }

    /// Returns the curve of the rate or of the users; `None` if the load is constant.
    pub fn curve(&self) -> Option<&LoadCurve> {
        let given = self.rate.as_ref().or(self.users.as_ref());
        given.filter(|curve| curve.constant().is_none())
    }

    /// Returns the length of the measured part: `--duration` if it is given, else the length of the
    /// curve, else the default.
    pub fn measure(&self, defaults: Defaults) -> Duration {
        let curve = self.curve().and_then(LoadCurve::length);
        let given = self.step.duration.or(curve);
        given.unwrap_or(defaults.measure)
    }

    /// Returns the step plan that the flags define. It is an open loop with at most
    /// `in_flight_cap` requests at a time if a rate is given, else a closed loop with the given
    /// number of users or `default_users`.
    ///
    /// # Errors
    ///
    /// Fails if the curve does not fit the length of the measured part.
    pub fn plan(
        &self,
        name: &str,
        (default_users, in_flight_cap): (u64, u64),
        seed: u64,
        defaults: Defaults,
    ) -> Result<StepPlan, UsageError> {
        let load = match &self.rate {
            Some(rate) => self.open(rate.constant().unwrap_or(rate.peak()), in_flight_cap),
            None => LoadPlan::Closed {
                users: self
                    .users
                    .as_ref()
                    .map_or(default_users, |users| users.peak() as u64),
                think_time: self.step.think_time,
            },
        };
        let plan = self.step.plan(name, load, seed, defaults);
        let mut plan = plan.taking_changes();
        plan.measure = self.measure(defaults);
        if let Some(curve) = self.curve() {
            let fitted = curve.over(plan.measure);
            plan = plan.following(fitted.map_err(|error| UsageError(error.to_string()))?);
        }
        Ok(match self.spawn_rate {
            Some(per_s) => plan.spawning(per_s),
            None => plan,
        })
    }

    /// Returns the plan of one step of a search for a rate, at the rate and with the number of
    /// `step`. `setting` is the setting for which the search is made, such as `pool of 8`, and
    /// part of the step's name.
    pub fn plan_at(
        &self,
        step: RateStep,
        setting: &str,
        in_flight_cap: u64,
        seed: u64,
        defaults: Defaults,
    ) -> StepPlan {
        let load = self.open(step.rate_per_s, in_flight_cap);
        let seed = seed.wrapping_add(step.number);
        let plan = self.step.plan(&step.name(setting), load, seed, defaults);
        step.shape(plan)
    }

    /// Returns an open loop of this rate in arrivals per second, with at most `in_flight_cap`
    /// requests at a time.
    pub(crate) fn open(&self, rate_per_s: f64, in_flight_cap: u64) -> LoadPlan {
        LoadPlan::Open {
            rate_per_s,
            pacing: self.pacing(),
            in_flight_cap,
        }
    }

    /// Returns the entries of the report's configuration that show the values of these flags, with
    /// `seed` and the values of `defaults` for flags that are not given.
    pub fn config(&self, seed: u64, defaults: Defaults) -> BTreeMap<String, Value> {
        let mut config = self.step.config(seed, defaults);
        let measure_ns = self.measure(defaults).as_nanos() as u64;
        config.insert("measure_ns".to_owned(), json!(measure_ns));
        let mut add = |name: &str, value: Option<Value>| {
            config.extend(value.map(|value| (name.to_owned(), value)));
        };
        let constant = |curve: &LoadCurve| curve.constant().map(|value| json!(value));
        add("rate_per_s", self.rate.as_ref().and_then(constant));
        let name = if self.rate.is_some() { "rate" } else { "users" };
        add(name, self.curve().map(|curve| json!(curve.to_string())));
        add("spawn_rate_per_s", self.spawn_rate.map(|rate| json!(rate)));
        if self.rate.is_some() {
            tell_open_loop(&mut config, self.pacing());
        } else if self.search.is_given() {
            self.search.add_to(&mut config, self.pacing());
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use load_engine::RuntimeKind;

    #[derive(Debug, Parser)]
    struct CurveFlagsCli {
        #[command(flatten)]
        load: CurveLoadFlags,
    }

    const DEFAULTS: Defaults = Defaults {
        warmup: Duration::from_secs(1),
        measure: Duration::from_secs(5),
        repeats: 3,
        runtime: RuntimeKind::Shared,
    };

    fn flags(args: &str) -> CurveLoadFlags {
        CurveFlagsCli::try_parse_from(args.split(' ')).unwrap().load
    }

    fn plan(args: &str) -> StepPlan {
        flags(args).plan("", (50, 1_024), 1, DEFAULTS).unwrap()
    }

    #[test]
    fn a_curve_gives_the_step_its_length_unless_a_duration_is_given() {
        assert_eq!(plan("t --rate 5").measure, Duration::from_secs(5));
        let ramp = plan("t --rate ramp:10..200/30s");
        assert_eq!(ramp.measure, Duration::from_secs(30));
        assert_eq!(ramp.load.sessions(), 1_024);
        assert_eq!(ramp.segments.len(), 3);
        let longer = plan("t --users ramp:10..200/30s --duration 40s");
        assert_eq!(
            (longer.measure, longer.load.sessions()),
            (Duration::from_secs(40), 200)
        );
        assert_eq!(plan("t --spawn-rate 10").spawn_per_s, Some(10.0));
        assert_eq!(plan("t").load.sessions(), 50);
    }

    #[test]
    fn contradictions_are_refused_with_a_remedy() {
        for (args, part) in [
            ("t --rate 5 --spawn-rate 2", "leave one of the two out"),
            ("t --rate 5 --think-time 1s", "--think-time makes users"),
            ("t --pacing poisson", "leave --pacing out"),
            ("t --users 5 --pacing constant", "leave --pacing out"),
            ("t --users sine:10,10/5s --spin", "leave --spin out"),
            (
                "t --rate ramp:1..2/50s --duration 5s",
                "longer than the 5s of --duration",
            ),
            (
                "t --users spike:1,2/5s --duration 5s",
                "lengthen --duration",
            ),
        ] {
            let UsageError(said) = flags(args).check(DEFAULTS).unwrap_err();
            assert!(said.contains(part), "{args}: {said}");
        }
        for args in [
            "t",
            "t --rate sine:10,10/5s",
            "t --users 5 --spawn-rate 1 --think-time 1s",
            "t --rate 5 --pacing poisson --spin",
            "t --find-rate p99<5ms --pacing poisson --spin",
        ] {
            assert!(flags(args).check(DEFAULTS).is_ok(), "{args}");
        }
        let both = CurveFlagsCli::try_parse_from("t --rate 5 --users 5".split(' '));
        assert!(both.unwrap_err().to_string().contains("exclude each other"));
    }

    #[test]
    fn the_configuration_keeps_the_curve_as_it_was_written() {
        let config = flags("t --rate spike:20,200/30s").config(1, DEFAULTS);
        assert_eq!(config["rate"], "spike:20,200/30s");
        assert_eq!(config["measure_ns"], 120_000_000_000_u64);
        assert!(!config.contains_key("rate_per_s") && !config.contains_key("think_time_ns"));
        assert_eq!(flags("t --rate 20").config(1, DEFAULTS)["rate_per_s"], 20.0);
    }
}
