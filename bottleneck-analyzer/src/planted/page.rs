//! Tests of the page: it is one file that loads nothing, and no label of a report becomes markup.

use super::common::{Plant, save};
use crate::render::html;
use crate::{analysis, cli, run_reports::RunReports, thresholds::Thresholds};
use bench_report::names::{self, NameEntry, Place};
use bench_report::{Mark, Series};

fn page_of(directory: &std::path::Path) -> String {
    let run = RunReports::load(&[directory.to_owned()]).unwrap();
    let assessment = analysis::assess(&run, &Thresholds::load(None).unwrap(), cli::tool());
    html::page(&run, &assessment)
}

/// Returns the page without its embedded chart data: the part whose size has a bound.
fn shell(page: &str) -> String {
    let start = page.find("id=\"plimsoll-data\"").unwrap();
    let end = start + page[start..].find("</script>").unwrap();
    page[..start].to_owned() + &page[end..]
}

#[test]
fn the_page_loads_nothing_and_stays_small() {
    let home = tempfile::tempdir().unwrap();
    Plant::default().write(home.path());
    let page = page_of(home.path());
    for loads in [
        "<script src",
        "<img",
        "@import",
        "<iframe",
        "src=\"http",
        "href=\"http",
        "url(http",
    ] {
        assert!(!page.contains(loads), "{loads}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(shell(&page).len() < 400_000, "{} bytes", shell(&page).len());
    for section in [
        "findings",
        "objectives",
        "gates",
        "time",
        "sweeps",
        "percentiles",
        "time-models",
        "all-figures",
        "ruled-out",
        "unknown",
        "spoiled",
        "method",
    ] {
        assert!(
            page.contains(&format!("<section id=\"{section}\"")),
            "{section}"
        );
    }
}

/// Returns the data of the charts that the page embeds as JSON.
fn data(page: &str) -> serde_json::Value {
    let start = page.find("id=\"plimsoll-data\">").unwrap() + "id=\"plimsoll-data\">".len();
    let json = &page[start..start + page[start..].find("</script>").unwrap()];
    serde_json::from_str(json).unwrap()
}

#[test]
fn marks_are_drawn_at_their_time_and_listed() {
    let home = tempfile::tempdir().unwrap();
    Plant::default().write(home.path());
    let unmarked = page_of(home.path());
    assert!(data(&unmarked)["marks"].as_array().unwrap().is_empty());
    assert!(!unmarked.contains("<h3>Marks</h3>"));

    let mut report = Plant::default().sysmon();
    let first_ns = report.series[0].at_ns[0];
    for (seconds, name) in [(40, "deploy <b>1.4</b>"), (7, "failover")] {
        let at_ns = first_ns + seconds * super::common::SECOND;
        report.marks.push(Mark::new(at_ns, name).unwrap());
    }
    save(home.path(), &report);
    let page = page_of(home.path());
    let data = data(&page);
    let marks = data["marks"].as_array().unwrap();
    let named: Vec<_> = marks.iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["failover", "deploy <b>1.4</b>"]);
    let apart = marks[1]["at_s"].as_f64().unwrap() - marks[0]["at_s"].as_f64().unwrap();
    assert!((apart - 33.0).abs() < 0.01, "{apart}");
    assert!(page.contains("deploy &lt;b&gt;1.4&lt;/b&gt;</li>"));
    assert!(!page.contains("<b>1.4"));
}

#[test]
fn every_chart_has_its_place_and_its_data() {
    let home = tempfile::tempdir().unwrap();
    Plant::default().write(home.path());
    let page = page_of(home.path());
    let data = data(&page);
    let charts = data["charts"].as_array().unwrap();
    assert!(charts.len() >= 10, "{} charts", charts.len());
    for chart in charts {
        let id = chart["id"].as_str().unwrap();
        assert_eq!(
            page.matches(&format!("<div class=\"chart\" id=\"{id}\""))
                .count(),
            1,
            "{id}"
        );
        assert!(!chart["lines"].as_array().unwrap().is_empty(), "{id}");
    }
}

/// Returns a name of the registry in `place`; one of a family is about `it`.
fn name(entry: &NameEntry) -> String {
    entry.pattern().replace('*', "it")
}

#[test]
fn each_figure_of_a_summary_and_of_a_step_is_shown_with_its_meaning() {
    let in_place = |place: Place| names::all().filter(move |entry| entry.place == place);
    let home = tempfile::tempdir().unwrap();
    let mut report = Plant::default().postgres();
    for entry in in_place(Place::Summary) {
        report.summary.figures.insert(name(entry), 0.5);
    }
    for entry in in_place(Place::Step) {
        report.steps[0].figures.insert(name(entry), 0.5);
    }
    save(home.path(), &report);
    let page = page_of(home.path());
    let section = page.split("<section id=\"all-figures\"").nth(1).unwrap();
    let section = section.split("</section>").next().unwrap();
    for (step, place) in [
        ("<span class=\"quiet\">whole run</span>", Place::Summary),
        (report.steps[0].name.as_str(), Place::Step),
    ] {
        for entry in in_place(place) {
            let name = name(entry);
            let value = crate::figures::show(&name, 0.5);
            // Names that a program and a family of figures share have the meaning of the more exact one.
            let meaning = names::find(place, &name).unwrap().meaning.trim();
            let row = format!(
                "<td>{step}</td><td><code>{name}</code></td><td class=\"number\">{value}</td><td>{}</td>",
                meaning.replace('`', "")
            );
            assert!(section.contains(&row), "{row}");
        }
    }
}

#[test]
fn each_series_of_a_load_is_drawn() {
    let home = tempfile::tempdir().unwrap();
    let mut report = Plant::default().postgres();
    let from = report.steps[0].window.measure_start_ns;
    let wanted = [
        ("errors_per_s", "time-errors"),
        ("latency.max_ns", "time-longest"),
        ("operations.get.per_s", "time-operations"),
        ("load.intended_rate_per_s", "time-throughput"),
        ("load.users", "time-users"),
        ("load.sessions", "time-users"),
        ("load.intended_users", "time-users"),
        ("open_connections", "time-users"),
        ("server.sessions.io_mean", "time-server"),
    ];
    for (at, (name, _)) in wanted.iter().enumerate() {
        let mut series = Series::new(*name);
        series.push(from, Some(at as f64 + 3.0));
        series.push(from + super::common::SECOND, Some(at as f64 + 5.0));
        report.series.push(series);
    }
    save(home.path(), &report);
    let data = data(&page_of(home.path()));
    let charts = data["charts"].as_array().unwrap();
    for (at, (name, id)) in wanted.iter().enumerate() {
        let chart = charts.iter().find(|chart| chart["id"] == *id).unwrap();
        let lines = chart["lines"].as_array().unwrap();
        let drawn = lines.iter().filter(|line| {
            let label = line["label"].as_str().unwrap();
            label.ends_with(&format!(" {name}"))
        });
        let drawn: Vec<_> = drawn.map(|line| &line["y"]).collect();
        let y = serde_json::json!([at as f64 + 3.0, at as f64 + 5.0]);
        assert_eq!(drawn, [&y], "{name}");
    }
}

#[test]
fn hostile_labels_are_inert() {
    let hostile = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>";
    let home = tempfile::tempdir().unwrap();
    let plant = Plant {
        step_name: Some(hostile.into()),
        outsider: Some((hostile.into(), 3.0)),
        ..Plant::default()
    };
    plant.write(home.path());
    let mut report = plant.postgres();
    report.summary.headline = hostile.into();
    report.run_id = hostile.into();
    report.environment.cpu_model = Some(hostile.into());
    for step in &mut report.steps {
        step.parameters.insert("workload".into(), hostile.into());
        let read = step.operations["read"].clone();
        step.operations.insert(hostile.into(), read);
    }
    save(home.path(), &report);
    let clean = tempfile::tempdir().unwrap();
    Plant::default().write(clean.path());
    let (page, clean) = (page_of(home.path()), page_of(clean.path()));
    assert!(page.contains("alert(1)"), "the label is shown, as text");
    assert!(!page.contains("<script>alert") && !page.contains("<img"));
    for tag in ["<script", "</script", "<!--"] {
        assert_eq!(
            page.matches(tag).count(),
            clean.matches(tag).count(),
            "{tag}"
        );
    }
}

#[test]
fn long_recordings_stay_drawable() {
    let home = tempfile::tempdir().unwrap();
    let mut report = Plant::default().sysmon();
    let first = report.series[0].clone();
    for series in &mut report.series {
        *series = bench_report::Series {
            name: series.name.clone(),
            labels: series.labels.clone(),
            ..first.clone()
        };
        for i in 400..36_000u64 {
            series.push(
                super::common::START + i * super::common::SECOND / 10,
                Some(0.5),
            );
        }
    }
    save(home.path(), &report);
    let page = page_of(home.path());
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
}
