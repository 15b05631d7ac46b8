//! Tests of `sysmon show`: it shows what was recorded, of complete and truncated recordings, and of
//! none.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

mod common;

use bench_report::{Growing, GrowthVerdict, Mark, Report, Series, Status, Tool, store};
use common::Home;
use serde_json::Value;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_000 * SECOND;

/// Returns the report of an hour with one sample per second, rolled up as the recorder does: CPU at
/// 10 % with one second at 100 %, a disk that was not there in the first half, memory of
/// `memory_bytes`, and a process with the id `pid`.
fn hour(memory_bytes: f64, pid: &str) -> Report {
    let tool = Tool {
        name: "sysmon".into(),
        version: "0".into(),
        commit: None,
    };
    let mut report = Report::begin(tool, "run".into(), "record");
    report.status = Status::Complete;
    report.started_at = "2026-03-14T09:15:00.000Z".into();
    report.clock.monotonic_ns = START;
    report.duration_ns = 3_600 * SECOND;
    report.summary.headline = "CPU busy 10.0 %".into();
    report.config.insert("interval_ns".into(), SECOND.into());
    let mut add = |series: Series, value: &dyn Fn(u64) -> Option<f64>| {
        let mut series = series;
        for i in 1..=3_600 {
            series.push(START + i * SECOND, value(i));
        }
        series.roll_up(600);
        report.series.push(series);
    };
    add(Series::new("cpu.busy_ratio"), &|i| {
        Some(if i == 1_801 { 1.0 } else { 0.1 })
    });
    for core in ["0", "1"] {
        add(Series::new("cpu.busy_ratio").label("core", core), &|_| {
            Some(0.1)
        });
    }
    let disk = Series::new("disk.write_bytes_per_s").label("device", "vda");
    add(disk, &|i| (i > 1_800).then_some(2048.0));
    add(Series::new("memory.used_bytes"), &|_| Some(memory_bytes));
    let process = Series::new("process.cpu_cores").label("pid", pid);
    add(process.label("name", "postgres"), &|_| Some(0.5));
    report
}

fn save(home: &Home, name: &str, report: &Report) {
    store::save_json(&home.path().join(name), report).unwrap();
}

/// Returns the cells after the title of the first row that begins with `title`; panics if there is
/// none.
fn row<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with(&format!("{title} ")));
    let line = line.unwrap_or_else(|| panic!("no {title}: {text}"));
    line[title.len()..].split_whitespace().collect()
}

#[test]
fn a_table_has_figures_with_units_and_says_what_its_percentiles_are_of() {
    let home = Home::new();
    save(&home, "r.json", &hour(3e9, "7"));
    let text = home.show(&["r.json"]);
    let cpu = row(&text, "cpu.busy");
    assert_eq!(cpu, ["%", "10.0", "10.0", "10.0", "10.0", "10.0", "100"]);
    let memory = row(&text, "memory.used");
    assert_eq!(memory[..3], ["GiB", "2.79", "2.79"]);
    let disk = row(&text, "disk.write vda");
    assert_eq!(disk[..2], ["KiB/s", "2.00"]);
    assert_eq!(
        disk[7..],
        ["50.0", "%"],
        "half of it is missing, and not zero"
    );
    assert_eq!(row(&text, "process.cpu postgres (7)")[0], "cores");
    assert!(text.contains("the mean of 8 samples"), "{text}");
    assert!(!text.contains("Raw samples"), "{text}");
    std::fs::write(home.path().join("r.arrows"), "").unwrap();
    let text = home.show(&["r.json"]);
    assert!(text.contains("Raw samples are in r.arrows"), "{text}");
    assert!(
        text.contains("2 series of single cores are left out"),
        "{text}"
    );
    let cores = home.show(&["r.json", "--series", "core="]);
    assert_eq!(row(&cores, "cpu.busy core=1")[2], "10.0");
    assert!(!cores.contains("memory"));
}

#[test]
fn csv_and_json_have_all_digits_in_the_units_of_the_report() {
    let home = Home::new();
    save(&home, "r.json", &hour(3e9, "7"));
    let csv = home.show(&["r.json", "--format", "csv"]);
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("series,labels,unit,points,samples_per_point,missing_ratio,min,mean,p50,p95,p99,max")
    );
    assert_eq!(lines.clone().count(), 6);
    let memory = "memory.used_bytes,,B,450,8,0,3000000000,3000000000,3000000000,3000000000,\
                  3000000000,3000000000";
    assert!(csv.lines().any(|line| line == memory), "{csv}");
    let process = "process.cpu_cores,name=postgres pid=7,cores,";
    assert!(csv.lines().any(|line| line.starts_with(process)), "{csv}");

    let json: Value = serde_json::from_str(&home.show(&["r.json", "--format", "json"])).unwrap();
    let all = json["series"].as_array().unwrap();
    let disk = all
        .iter()
        .find(|s| s["name"] == "disk.write_bytes_per_s")
        .unwrap();
    assert_eq!(disk["labels"]["device"], "vda");
    assert_eq!(
        (&disk["unit"], &disk["mean"]),
        (&"B/s".into(), &2048.0.into())
    );
    assert_eq!(disk["missing_ratio"], 0.5);
    assert!(json.get("points").is_none());
}

#[test]
fn points_over_time_carry_their_time_and_what_was_not_read_stays_absent() {
    let home = Home::new();
    let mut report = hour(3e9, "7");
    let at_ns = START + 1_795 * SECOND;
    report.marks.push(Mark::new(at_ns, "deploy 1.4").unwrap());
    save(&home, "r.json", &report);
    let of_disk = ["r.json", "--series", "disk", "--points"];
    let csv = home.show(&[&of_disk[..], &["--format", "csv"]].concat());
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "time,elapsed_s,at_ns,series,labels,unit,mean,min,max"
    );
    assert_eq!(
        lines[1],
        "2026-03-14T09:15:08.000Z,8,1008000000000,disk.write_bytes_per_s,device=vda,B/s,,,"
    );
    assert!(
        lines[450].starts_with("2026-03-14T10:15:00.000Z,3600,"),
        "{}",
        lines[450]
    );
    assert!(lines[450].ends_with(",2048,2048,2048"), "{}", lines[450]);

    let text = home.show(&of_disk);
    let mark = text
        .lines()
        .position(|line| line.contains("mark: deploy 1.4"))
        .unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[mark - 1].contains("1792.000 s"),
        "{}",
        lines[mark - 1]
    );
    assert!(lines[mark + 1].ends_with("absent"), "{}", lines[mark + 1]);

    let json = home.show(&[&of_disk[..], &["--format", "json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    let points: Vec<Series> = serde_json::from_value(json["points"].clone()).unwrap();
    assert_eq!((points.len(), points[0].len()), (1, 450));
}

#[test]
fn two_recordings_stand_side_by_side_and_what_one_lacks_is_absent() {
    let home = Home::new();
    save(&home, "a.json", &hour(2e9, "7"));
    let mut other = hour(5e9, "99");
    other
        .series
        .retain(|series| series.name != "disk.write_bytes_per_s");
    save(&home, "b.json", &other);
    let text = home.show(&["a.json", "b.json"]);
    let memory = row(&text, "memory.used");
    assert_eq!(
        memory,
        ["GiB", "1.86", "4.66", "+2.79", "2.50", "1.86", "4.66"]
    );
    let disk = row(&text, "disk.write vda");
    assert_eq!(
        disk,
        ["KiB/s", "2.00", "absent", "-", "-", "2.00", "absent"]
    );
    assert_eq!(
        row(&text, "process.cpu postgres")[4],
        "1.00",
        "another process number"
    );

    let json = home.show(&["a.json", "b.json", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let all = json["series"].as_array().unwrap();
    let find = |name: &str| all.iter().find(|s| s["name"] == name).unwrap();
    assert_eq!(find("memory.used_bytes")["ratio"]["mean"], 2.5);
    assert_eq!(find("memory.used_bytes")["difference"]["p99"], 3e9);
    let disk = find("disk.write_bytes_per_s");
    assert!(disk["second"].is_null() && disk["difference"].is_null());
    let csv = home.show(&["a.json", "b.json", "--format", "csv"]);
    let disk = csv.lines().find(|line| line.starts_with("disk.")).unwrap();
    assert!(disk.ends_with(",2048,,,,,,,,,,,,,"), "{disk}");
}

#[test]
fn verdicts_and_marks_are_told_as_they_were_recorded() {
    let home = Home::new();
    let mut report = hour(3e9, "7");
    report.summary.growth.push(Growing {
        series: "process.rss_bytes".into(),
        labels: [("name".to_owned(), "leaky".to_owned())].into(),
        verdict: GrowthVerdict::Leak,
        per_s: 1_048_576.0,
        grown: 3.6e9,
        p_value: 1e-9,
    });
    report
        .marks
        .push(Mark::new(START + 90 * SECOND, "deploy 1.4").unwrap());
    report.series[0]
        .labels
        .insert("device".into(), "a\u{1b}[2J\nb".into());
    save(&home, "r.json", &report);
    let text = home.show(&["r.json"]);
    assert!(
        text.lines()
            .any(|l| l.contains("leaky") && l.contains("leak ")),
        "{text}"
    );
    let mark = text
        .lines()
        .find(|line| line.contains("deploy 1.4"))
        .unwrap();
    assert!(mark.contains("90.000 s") && mark.ends_with("2026-03-14T09:16:30.000Z"));
    assert!(
        !text.contains('\u{1b}') && text.contains("cpu.busy a?[2J?b "),
        "{text}"
    );
}

#[test]
fn a_real_recording_is_shown_as_it_was_recorded() {
    let home = Home::new();
    let out = home.run(&["--duration", "500ms", "--interval", "50ms"]);
    assert!(out.status.success());
    let report = home.report();
    let json: Value = serde_json::from_str(&home.show(&[".", "--format", "json"])).unwrap();
    let all = json["series"].as_array().unwrap();
    let with_reading = |s: &&Series| s.mean.iter().any(Option::is_some);
    assert_eq!(all.len(), report.series.iter().filter(with_reading).count());
    let load = all.iter().find(|s| s["name"] == "load.tasks").unwrap();
    let expected = report.summary.figures["load.tasks_mean"];
    assert!((load["mean"].as_f64().unwrap() / expected - 1.0).abs() < 1e-9);
    assert_eq!(load["max"], report.summary.figures["load.tasks_max"]);
    let text = home.show(&["."]);
    assert!(
        text.contains("Percentiles are of single samples."),
        "{text}"
    );
    assert!(
        text.lines().any(|line| line.starts_with("memory.used ")),
        "{text}"
    );
}

/// Asserts that `sysmon show ARGS` fails with this exit code, and with an error that contains
/// `sentence` and, if given, `remedy` after `Try: `.
fn refuses(home: &Home, args: &str, code: i32, sentence: &str, remedy: Option<&str>) {
    let words: Vec<&str> = args.split_whitespace().collect();
    let out = home.command_of("show", &words).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{args}: {said}");
    assert!(said.contains(sentence), "{args}: {said}");
    if let Some(remedy) = remedy {
        let (_, told) = said.split_once("\nTry: ").unwrap_or_default();
        assert!(told.contains(remedy), "{args}: {said}");
    }
    assert!(!said.contains("panicked") && out.stdout.is_empty());
}

#[test]
fn a_file_that_cannot_be_shown_gets_one_clear_sentence_with_a_remedy() {
    let home = Home::new();
    let whole = serde_json::to_string_pretty(&hour(1e9, "7")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    write("torn.json", &whole[..whole.len() / 2]);
    write("newer.json", &whole.replace("report/1", "report/2"));
    write(
        "bench.json",
        &whole.replacen("\"sysmon\"", "\"a-bench\"", 1),
    );
    write("other.json", "{\"a\": 1}");
    write("notes.txt", "hello");
    write("empty.arrows", "");
    write("wrong.arrows", "hello");
    write("good.json", &whole);
    let newer = "has schema \"plimsoll.report/2\"";
    for (file, sentence, remedy) in [
        ("nowhere.json", "cannot read nowhere.json", "check the path"),
        ("torn.json", "is cut short", "get the file anew"),
        ("good.json torn.json", "is cut short", "get the file anew"),
        ("newer.json", newer, "the sysmon of the version"),
        ("bench.json", "a report of a-bench", "analyze bench.json"),
        ("other.json", "not a Plimsoll report", "sysmon record wrote"),
        ("notes.txt", "not a Plimsoll report", "sysmon record wrote"),
        ("empty.arrows", "before its first batch", "ends in .json"),
        ("wrong.arrows", "holds no raw samples", "ends in .json"),
        ("tmp", "tmp holds no recording", "--run-dir tmp"),
    ] {
        refuses(&home, file, 1, sentence, Some(remedy));
    }
}

#[test]
fn wrong_usage_is_one_clear_sentence() {
    let home = Home::new();
    let report = hour(1e9, "7");
    save(&home, "a.json", &report);
    let show_a = Some("sysmon show ./a.json");
    let names = Some("--format csv");
    refuses(&home, "a.json --series gpu", 2, "matches --series", names);
    refuses(&home, "a.json --series (", 2, "no regular expression", None);
    refuses(
        &home,
        "a.json a.json --points",
        2,
        "cannot be used with",
        None,
    );
    refuses(&home, "", 2, "RECORDING", None);
    save(&home, "b.json", &report);
    refuses(&home, ".", 2, "./a.json, ./b.json", show_a);
}
