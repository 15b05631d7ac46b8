//! Check of the numbers of a thresholds file: their names, their types, and what each can be.

use toml::{Table, Value};

use super::error::ThresholdsError;
use super::source_text::SourceText;

/// Names of ratios that may be above 1; all other ratios must lie between 0 and 1.
const ABOVE_ONE: [&str; 3] = [
    "too_large_p99_ratio",
    "latency_margin_ratio",
    "evicted_per_write_ratio",
];

/// Places of values for which 0 says nothing: no request takes no time, a machine always uses some
/// memory, and a share of nothing is always reached.
const ABOVE_ZERO: [&str; 13] = [
    "objectives.memory_used_ratio",
    "bands.error_warning_ratio",
    "bands.error_critical_ratio",
    "sla.budget_days",
    "cpu.warning_ratio",
    "cpu.critical_ratio",
    "cpu.generator_ratio",
    "memory.warning_ratio",
    "pool.connections_warning_ratio",
    "pool.connections_critical_ratio",
    "pool.use_warning_ratio",
    "pool.use_critical_ratio",
    "measurement.least_samples",
];

/// Places of ratios for which 1 says nothing: a promise of no throughput at all.
const BELOW_ONE: [&str; 1] = ["sla.throughput_headroom_ratio"];

/// Names of tables that are not sections of numbers.
pub(super) const ENTRIES: [&str; 2] = ["profiles", "gate"];

/// Checks every number of `source` against `shipped`, which has every section and every name.
///
/// # Errors
/// Fails at the first unknown name, wrong type, or value that nothing or everything would meet.
pub(super) fn check(source: &SourceText, shipped: &Table) -> Result<(), ThresholdsError> {
    for (section, values) in &source.values {
        if ENTRIES.contains(&section.as_str()) {
            continue;
        }
        let Some(known) = shipped.get(section).and_then(Value::as_table) else {
            let names = shipped.keys().map(String::as_str).chain(ENTRIES);
            return Err(unknown(source, section, "section", names));
        };
        let Some(values) = values.as_table() else {
            let reason = format!("{section} is {}, and has to be a section", kind(values));
            return Err(source.refuse(
                section,
                reason,
                format!("write [{section}] above its values"),
            ));
        };
        for (name, value) in values {
            let place = format!("{section}.{name}");
            let Some(default) = known.get(name) else {
                return Err(unknown(
                    source,
                    &place,
                    "threshold",
                    known.keys().map(String::as_str),
                ));
            };
            number(source, &place, value, default)?;
        }
    }
    Ok(())
}

/// Checks one number. `default` is the value in the shipped file.
fn number(
    source: &SourceText,
    place: &str,
    value: &Value,
    default: &Value,
) -> Result<(), ThresholdsError> {
    let like = format!("write a number, such as {place} = {default}");
    let whole = default.is_integer();
    let number = match value {
        Value::Integer(n) => *n as f64,
        Value::Float(n) if !whole => *n,
        _ => {
            let wanted = if whole { "a whole number" } else { "a number" };
            let reason = format!("{place} is {}, and has to be {wanted}", kind(value));
            return Err(source.refuse(place, reason, like));
        }
    };
    let name = place.rsplit('.').next().unwrap_or(place);
    let is_ratio = name.ends_with("_ratio") && !ABOVE_ONE.contains(&name);
    let most = if is_ratio { 1.0 } else { 1e15 };
    let is_above_zero = name.ends_with("_ms") || ABOVE_ZERO.contains(&place);
    let is_below_one = BELOW_ONE.contains(&place);
    let is_wrong = !(0.0..=most).contains(&number)
        || is_above_zero && number == 0.0
        || is_below_one && number >= 1.0;
    if !is_wrong {
        return Ok(());
    }
    let least = if is_above_zero {
        "above 0"
    } else {
        "0 or more"
    };
    let range = match (is_ratio, is_below_one) {
        (true, true) => format!("{least} and below 1"),
        (true, false) => format!("{least} and at most 1"),
        (false, _) => format!("a number, {least}"),
    };
    let remedy = if is_ratio && number > 1.0 && number <= 100.0 && !is_below_one {
        format!("for {number} % write {place} = {}", number / 100.0)
    } else {
        like
    };
    let reason = format!("{place} is {value}, and has to be {range}");
    Err(source.refuse(place, reason, remedy))
}

/// Builds the error about an unknown name at `place`. The advice is the known name that is nearest
/// to it, or all known names if none is near.
pub(super) fn unknown<'a>(
    source: &SourceText,
    place: &str,
    what: &str,
    known: impl Iterator<Item = &'a str>,
) -> ThresholdsError {
    let known: Vec<&str> = known.collect();
    let name = place.rsplit('.').next().unwrap_or(place);
    let near = known
        .iter()
        .map(|known| (strsim::jaro_winkler(known, name), *known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let remedy = match near {
        Some((likeness, near)) if likeness > 0.85 => format!("write {near}"),
        _ => format!("use one of: {}", known.join(", ")),
    };
    source.refuse(place, format!("there is no {what} {place}"), remedy)
}

/// Returns the kind of a value in words, as in `a text`.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}
