//! Tests of load curves as users write them: the load at each instant, and the named segments.

use std::path::PathBuf;
use std::time::Duration;

use super::curve_segments::NamedSegment;
use super::load_curve::{FittedCurve, LoadCurve};
use super::load_curve_error::LoadCurveError;
use super::think_time::ThinkTime;

const S: fn(f64) -> Duration = Duration::from_secs_f64;

fn curve(text: &str) -> LoadCurve {
    text.parse().unwrap()
}

fn refusal(text: &str) -> String {
    text.parse::<LoadCurve>().unwrap_err().to_string()
}

fn values(fitted: &FittedCurve, times: &[f64]) -> Vec<f64> {
    let rounded = |t: &f64| (fitted.curve.value(*t) * 1e6).round() / 1e6;
    times.iter().map(rounded).collect()
}

/// Returns a text for each segment: its name and its spans in seconds, rounded to a millisecond.
fn segments(fitted: &FittedCurve) -> Vec<String> {
    let span = |(start, end): &(f64, f64)| format!("{start:.3}..{end:.3}");
    let segment = |segment: &NamedSegment| {
        let spans: Vec<String> = segment.spans.iter().map(span).collect();
        format!("{} {}", segment.name, spans.join(" "))
    };
    fitted.segments.iter().map(segment).collect()
}

/// File of points in the temporary directory, which is deleted when the value is dropped.
struct Points(PathBuf);

impl Points {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plimsoll-{}-{name}.csv", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn flag(&self) -> String {
        format!("file:{}", self.0.display())
    }
}

impl Drop for Points {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_ramp_is_told_in_thirds_and_held_where_the_step_is_longer() {
    let fitted = curve("ramp:10..200/30s").over(S(30.0)).unwrap();
    assert_eq!(values(&fitted, &[0.0, 15.0, 30.0]), [10.0, 105.0, 200.0]);
    assert_eq!(
        segments(&fitted),
        [
            "low 0.000..10.000",
            "middle 10.000..20.000",
            "high 20.000..30.000"
        ]
    );
    let held = curve("ramp:200..10/30s").over(S(40.0)).unwrap();
    assert_eq!(values(&held, &[0.0, 30.0, 39.0]), [200.0, 10.0, 10.0]);
    assert_eq!(
        segments(&held),
        [
            "high 0.000..10.000",
            "middle 10.000..20.000",
            "low 20.000..30.000",
            "held 30.000..40.000"
        ]
    );
}

#[test]
fn stairs_are_told_one_by_one() {
    let stairs = curve("stairs:10,50,100/1m");
    assert_eq!(stairs.length(), Some(S(180.0)));
    let fitted = stairs.over(S(180.0)).unwrap();
    assert_eq!(
        values(&fitted, &[0.0, 59.9, 60.1, 179.0]),
        [10.0, 10.0, 50.0, 100.0]
    );
    assert_eq!(fitted.curve.total(), (10.0 + 50.0 + 100.0) * 60.0);
    assert_eq!(
        segments(&fitted),
        [
            "stair_1 0.000..60.000",
            "stair_2 60.000..120.000",
            "stair_3 120.000..180.000"
        ]
    );
}

#[test]
fn a_spike_leaves_twice_as_much_time_to_recover_as_came_before_it() {
    let spike = curve("spike:20,200/30s");
    assert_eq!(
        spike.length(),
        Some(S(120.0)),
        "one spike before it, two after"
    );
    let fitted = spike.over(S(120.0)).unwrap();
    assert_eq!(
        values(&fitted, &[29.9, 30.1, 59.9, 60.1]),
        [20.0, 200.0, 200.0, 20.0]
    );
    assert_eq!(
        segments(&fitted),
        [
            "before 0.000..30.000",
            "spike 30.000..60.000",
            "after 60.000..120.000"
        ]
    );
    assert_eq!(spike.peak(), 200.0);
}

#[test]
fn a_wave_is_told_above_and_below_its_mean() {
    let fitted = curve("sine:100,50/10s").over(S(15.0)).unwrap();
    assert_eq!(values(&fitted, &[0.0, 2.5, 7.5]), [100.0, 150.0, 50.0]);
    assert_eq!(
        segments(&fitted),
        [
            "above_mean 0.000..5.000 10.000..15.000",
            "below_mean 5.000..10.000"
        ]
    );
}

#[test]
fn a_file_is_told_by_its_lines_while_they_are_few() {
    let points = Points::new(
        "few",
        "seconds,value\n0,10\n10,10 # a quiet morning\n\n20, 110\n30,110\n",
    );
    let fitted = curve(&points.flag()).over(S(30.0)).unwrap();
    assert_eq!(values(&fitted, &[5.0, 15.0, 25.0]), [10.0, 60.0, 110.0]);
    assert_eq!(
        segments(&fitted),
        [
            "part_1 0.000..10.000",
            "part_2 10.000..20.000",
            "part_3 20.000..30.000"
        ]
    );
}

#[test]
fn a_spreadsheet_s_file_with_jumps_is_read() {
    let points = Points::new(
        "jumps",
        "\u{feff}Time,Users\r\n0,10\r\n10,10\r\n10,50\r\n20,50\r\n",
    );
    let fitted = curve(&points.flag()).over(S(20.0)).unwrap();
    assert_eq!(
        values(&fitted, &[0.0, 9.9, 10.0, 20.0]),
        [10.0, 10.0, 50.0, 50.0]
    );
    assert_eq!(
        segments(&fitted),
        ["part_1 0.000..10.000", "part_2 10.000..20.000"]
    );
}

#[test]
fn a_long_file_is_told_by_thirds_of_its_values() {
    let lines: Vec<String> = (0..=40)
        .map(|k| format!("{k},{}", if k % 2 == 0 { 0 } else { 90 }))
        .collect();
    let points = Points::new("long", &lines.join("\n"));
    let fitted = curve(&points.flag()).over(S(40.0)).unwrap();
    let length = |name: &str| -> f64 {
        let segment = fitted
            .segments
            .iter()
            .find(|segment| segment.name == name)
            .unwrap();
        segment.spans.iter().map(|(start, end)| end - start).sum()
    };
    for name in ["low", "middle", "high"] {
        assert!(
            (length(name) - 40.0 / 3.0).abs() < 1e-6,
            "{name}: {}",
            length(name)
        );
    }
}

#[test]
fn the_segments_of_every_curve_cover_the_step_once() {
    for text in [
        "ramp:0..9/7s",
        "stairs:1,2,3,4/2s",
        "spike:5,50/3s",
        "sine:10,10/3s",
    ] {
        let fitted = curve(text).over(S(20.0)).unwrap();
        let mut spans: Vec<(f64, f64)> = fitted
            .segments
            .iter()
            .flat_map(|s| s.spans.clone())
            .collect();
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(
            spans[0].0 == 0.0 && (spans.last().unwrap().1 - 20.0).abs() < 1e-9,
            "{text}"
        );
        for pair in spans.windows(2) {
            assert!((pair[0].1 - pair[1].0).abs() < 1e-9, "{text}: {pair:?}");
        }
    }
}

#[test]
fn numbers_are_loads_that_do_not_change() {
    for (text, value) in [
        ("200", 200.0),
        ("10k", 10_000.0),
        ("2M", 2e6),
        ("500/s", 500.0),
        ("0.5", 0.5),
    ] {
        assert_eq!(curve(text).constant(), Some(value), "{text}");
        assert!(curve(text).over(S(5.0)).unwrap().segments.is_empty());
    }
    assert_eq!(curve("ramp:1..2/1s").constant(), None);
}

#[test]
fn what_is_written_is_read_back_alike() {
    for text in [
        "200",
        "ramp:10..200/5m",
        "stairs:10,50,100/1m",
        "spike:20,200/30s",
        "sine:100,50.5/1m",
    ] {
        assert_eq!(curve(text).to_string(), text);
    }
}

#[test]
fn nonsense_is_refused_with_a_form_to_write() {
    for (text, part) in [
        ("", "write a number"),
        ("fast", "write a number"),
        ("ramp", "write a number"),
        ("ramp:10..200", "write a number"),
        ("ramp:10/5m", "write a number"),
        ("ramp:10..20..30/5m", "write a number"),
        ("step:1,2/5m", "write a number"),
        ("spike:1,2,3/5m", "write a number"),
        ("ramp:10..fast/5m", "\"fast\" is no value"),
        ("ramp:-10..20/5m", "\"-10\" is no value"),
        ("ramp:inf..20/5m", "\"inf\" is no value"),
        ("ramp:nan..20/5m", "\"nan\" is no value"),
        ("stairs:/5m", "\"\" is no value"),
        ("ramp:10..20/0s", "\"0s\" is no length of time"),
        ("ramp:10..20/5", "\"5\" is no length of time"),
        ("sine:10,20/1m", "dips below zero"),
        (
            "stairs:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/1s",
            "17 stairs",
        ),
        (
            "file:/nonexistent/curve.csv",
            "cannot read the curve /nonexistent/curve.csv",
        ),
    ] {
        let said = refusal(text);
        assert!(said.contains(part), "{text}: {said}");
    }
}

#[test]
fn a_bad_line_of_a_file_is_named() {
    for (name, text, part) in [
        ("words", "0,1\nnoon,2\n", "line 2: \"noon,2\""),
        ("heading", "time;value\n0,1\n", "line 1: \"time;value\""),
        ("negative", "0,1\n5,-2\n", "line 2"),
        ("back", "0,1\n5,2\n3,2\n", "must have times that rise"),
        ("empty", "seconds,value\n", "holds no curve"),
        ("instant", "0,20\n", "holds no curve"),
    ] {
        let points = Points::new(name, text);
        let said = refusal(&points.flag());
        assert!(said.contains(part), "{name}: {said}");
    }
}

#[test]
fn a_curve_that_is_longer_than_its_step_is_refused() {
    for text in ["ramp:1..2/1m", "stairs:1,2/30s"] {
        let error = curve(text).over(S(59.0)).unwrap_err();
        let LoadCurveError::TooLong { .. } = error else {
            panic!("{text}: {error}");
        };
        assert!(
            error
                .to_string()
                .contains("longer than the 59s of --duration"),
            "{error}"
        );
    }
    for step in [59.0, 60.0] {
        let error = curve("spike:1,2/1m").over(S(step)).unwrap_err();
        assert!(
            error.to_string().contains("no time before and after it"),
            "{error}"
        );
    }
}

#[test]
fn times_that_no_clock_can_hold_are_refused() {
    let most = "18446744073709551615s";
    for text in [
        format!("ramp:1..2/{most}"),
        format!("stairs:1,2,3/{most}"),
        format!("spike:1,2/{most}"),
        format!("sine:2,1/{most}"),
    ] {
        let said = refusal(&text);
        assert!(said.contains("a year at most"), "{text}: {said}");
    }
    // Four spikes of a third of a year are more than a year.
    assert!(refusal("spike:1,2/120days").contains("longer than a year"));
    assert_eq!(
        curve("spike:1,2/80days").length(),
        Some(S(320.0 * 86_400.0))
    );
    for text in [
        format!("exp:{most}"),
        format!("1s..{most}"),
        most.to_owned(),
    ] {
        let said = text.parse::<ThinkTime>().unwrap_err().to_string();
        assert!(said.contains("a year"), "{text}: {said}");
    }
    // Times of day in seconds since 1970, where times since the start of the step are needed.
    let epoch = Points::new("epoch", "1764403200,10\n1764403202,100\n");
    assert!(refusal(&epoch.flag()).contains("from the start of the step"));
}

#[test]
fn a_file_in_disorder_is_told_by_the_line_that_breaks_the_order() {
    for text in [
        "0,20\n10,20\n5,5\n",
        "# peak first\n10,20\n5,5\n",
        "time,rate\n10,20\n0,5\n",
    ] {
        let said = refusal(&Points::new("disorder", text).flag());
        assert!(
            said.contains("must have times that rise"),
            "{text:?}: {said}"
        );
        assert!(said.contains("line 3: "), "{text:?}: {said}");
    }
}

#[test]
fn waves_too_short_to_be_held_are_refused_for_the_step_that_they_are_for() {
    let short = curve("sine:10,5/1us");
    assert!(short.over(S(0.01)).is_ok());
    let said = short.over(S(5.0)).unwrap_err().to_string();
    assert!(said.contains("waves of 1us in a step of 5s"), "{said}");
}
