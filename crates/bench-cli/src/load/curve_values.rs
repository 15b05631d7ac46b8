//! Parsers of the values of `--rate` and `--users`: a number, or a curve where the load may change
//! during a step.

use load_engine::LoadCurve;

use crate::flags;

/// Names of the forms of curves, as written before the colon.
const FORMS: [&str; 5] = ["ramp", "stairs", "spike", "sine", "file"];
/// Highest allowed value of a curve, in arrivals per second or in users.
const HIGHEST: f64 = 1e8;
/// Lowest allowed peak of a curve of arrivals per second; a constant rate has the same lower
/// limit.
const LOWEST_PEAK: f64 = 0.001;
/// End of the error about a text that is not a number, where a curve is allowed as well.
const OR_A_CURVE: &str = "or a curve: ramp:10..200/5m, stairs:10,50,100/1m, spike:20,200/30s, sine:100,50/1m, file:F.csv";
/// End of the error about a curve where the load must be constant.
const HELD: &str = "is a curve, and this scenario holds one setting at a time, so that its steps can \
                    be compared; give a number. Curves are for scenarios whose load may change: \
                    redis-bench cache and pool";

/// Parses the value of `--rate` in arrivals per second: a number, or a curve with a peak between
/// 0.001 and 100M.
///
/// # Errors
///
/// Returns a message that says what to write.
pub(crate) fn rate_or_curve(text: &str) -> Result<LoadCurve, String> {
    if !is_curve(text) {
        let rate = flags::rate(text).map_err(|why| format!("{why}, {OR_A_CURVE}"))?;
        return Ok(LoadCurve::Constant(rate));
    }
    let curve: LoadCurve = parsed(text)?;
    match curve.peak() {
        peak if peak <= 0.0 => {
            Err("the curve is zero all the time; write one that rises".to_owned())
        }
        peak if peak < LOWEST_PEAK => Err(format!(
            "the curve never reaches {LOWEST_PEAK} arrivals a second; write one that does"
        )),
        peak if peak > HIGHEST => Err(format!(
            "{peak:e} arrivals a second are more than 100M; write less"
        )),
        _ => Ok(curve),
    }
}

/// Parses the value of `--users`: a whole number, or a curve with a peak between 1 and 100M.
///
/// # Errors
///
/// Returns a message that says what to write.
pub(crate) fn users_or_curve(text: &str) -> Result<LoadCurve, String> {
    if !is_curve(text) {
        let users = flags::count(text).map_err(|why| format!("{why}, {OR_A_CURVE}"))?;
        return Ok(LoadCurve::Constant(users as f64));
    }
    let curve = parsed(text)?;
    match curve.peak() {
        peak if peak < 1.0 => {
            Err("the curve never reaches one user; write one that does".to_owned())
        }
        peak if peak > HIGHEST => Err(format!("{peak:e} users are more than 100M; write less")),
        _ => Ok(curve),
    }
}

/// Parses a count as [`flags::count`] does, for scenarios with a constant load. Refuses a curve
/// with a message that says so.
///
/// # Errors
///
/// Returns a message that says what to write.
pub fn held_count(text: &str) -> Result<u64, String> {
    refuse_curve(text)?;
    flags::count(text)
}

/// Parses arrivals per second as [`flags::rate`] does, for scenarios with a constant load. Refuses
/// a curve with a message that says so.
///
/// # Errors
///
/// Returns a message that says what to write.
pub fn held_rate(text: &str) -> Result<f64, String> {
    refuse_curve(text)?;
    flags::rate(text)
}

/// Parses a list of counts as [`flags::list_of_counts`] does, for scenarios with a constant load.
/// Refuses a curve with a message that says so.
///
/// # Errors
///
/// Returns a message that says what to write.
pub fn held_counts(text: &str) -> Result<flags::Counts, String> {
    refuse_curve(text)?;
    flags::list_of_counts(text)
}

fn refuse_curve(text: &str) -> Result<(), String> {
    if is_curve(text) {
        return Err(format!("{:?} {HELD}", text.trim()));
    }
    Ok(())
}

fn is_curve(text: &str) -> bool {
    let form = text.trim().split_once(':').map(|(form, _)| form.trim());
    form.is_some_and(|form| FORMS.contains(&form))
}

fn parsed(text: &str) -> Result<LoadCurve, String> {
    text.parse::<LoadCurve>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_curves_are_read() {
        assert_eq!(rate_or_curve("2.5k").unwrap().constant(), Some(2_500.0));
        assert_eq!(users_or_curve("12").unwrap().constant(), Some(12.0));
        let ramp = rate_or_curve("ramp:10..200/5m").unwrap();
        assert_eq!((ramp.constant(), ramp.peak()), (None, 200.0));
        assert_eq!(
            users_or_curve(" spike:2,8/1s ").unwrap().to_string(),
            "spike:2,8/1s"
        );
    }

    #[test]
    fn nonsense_is_told_with_what_to_write() {
        for (said, part) in [
            (rate_or_curve("fast"), "or a curve: ramp:10..200/5m"),
            (rate_or_curve("0"), "above zero"),
            (rate_or_curve("ramp:10..fast/5m"), "\"fast\" is no value"),
            (rate_or_curve("ramp:0..0/5m"), "zero all the time"),
            (rate_or_curve("spike:1,1e9/5m"), "more than 100M"),
            (
                rate_or_curve("ramp:0..1e300/5m"),
                "1e300 arrivals a second are more",
            ),
            (
                rate_or_curve("ramp:1e-300..1e-9/1s"),
                "never reaches 0.001 arrivals",
            ),
            (users_or_curve("2.5"), "or a curve: ramp:10..200/5m"),
            (users_or_curve("ramp:0..0.5/5m"), "never reaches one user"),
            (users_or_curve("stairs:1,2"), "write a number"),
        ] {
            let said = said.unwrap_err();
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_scenario_that_holds_one_setting_refuses_curves_with_that_reason() {
        let curve = "ramp:10..200/5m";
        for said in [
            held_count(curve).map(drop),
            held_rate(curve).map(drop),
            held_counts(curve).map(drop),
        ] {
            let said = said.unwrap_err();
            for wanted in [
                curve,
                "holds one setting at a time",
                "give a number",
                "redis-bench",
            ] {
                assert!(said.contains(wanted), "{said}");
            }
        }
        assert_eq!((held_count("8"), held_rate("8")), (Ok(8), Ok(8.0)));
    }
}
