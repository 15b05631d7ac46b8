//! Tests of the list of processes: which are shown, in which order, and the effects of keys.

use crate::watch::model::{Model, ViewInfo};
use crate::watch::process::{DISK_READ, DISK_WRITTEN, ProcessView, Sort};
use host_metrics::source::process::ProcessFields;

use super::machine::{MIB, about, busy_machine, figures, news, process, processes};
use super::screen::screen;

#[test]
fn what_was_asked_for_has_its_sum_and_its_columns() {
    let mut f = figures(0);
    for (name, value) in [
        ("tree.processes", 12.0),
        ("tree.cpu_cores", 1.5),
        ("tree.rss_bytes", 300.0 * MIB),
        ("tree.threads", 14.0),
    ] {
        f.put_labelled(name, &[("follow", "postgres")], Some(value));
    }
    let mut all = processes();
    all[0].follow = Some("postgres".to_owned());
    all[0].figures.push(("process.threads", 3.0));
    let mut model = Model::new(ViewInfo {
        follows: true,
        fields: ProcessFields {
            threads: true,
            ..ProcessFields::default()
        },
        ..about()
    });
    model.take(news(0, f, all));
    let text = screen(&mut model, (80, 24));
    assert!(
        text.contains("Processes 1 of 34, by CPU, followed only"),
        "{text}"
    );
    let tree = text.lines().find(|l| l.starts_with("postgres")).unwrap();
    let tree: Vec<&str> = tree.split_whitespace().collect();
    assert_eq!(tree, ["postgres", "12", "1.50", "300", "MiB", "14"]);
    assert!(text.contains("THREADS") && !text.contains("READ/s"));
    // If processes are ordered by transfers, transfers are read and shown.
    model.sort_by(Sort::Io);
    assert!(model.fields().io);
    assert!(screen(&mut model, (80, 24)).contains("WRITE/s▼"));
}

#[test]
fn what_the_keys_did_is_seen() {
    let mut model = busy_machine();
    model.pause();
    model.begin_filter();
    "redis".chars().for_each(|c| model.type_filter(c));
    let all = screen(&mut model, (80, 24));
    assert!(all.contains("PAUSED") && all.contains("/redis▏"), "{all}");
    model.end_filter(true);
    let all = screen(&mut model, (80, 24));
    assert!(
        all.contains("Processes 1 of 34, by CPU, with \"redis\""),
        "{all}"
    );
    "x".chars().for_each(|c| model.type_filter(c));
    let all = screen(&mut model, (80, 24));
    assert!(all.contains("no process passes the filter"), "{all}");
    model.drop_filter();
    model.sort_by(Sort::Name);
    let up = screen(&mut model, (80, 24));
    assert!(up.contains("NAME▲") && !up.contains("CORES▼"), "{up}");
    let io = ProcessView {
        figures: vec![(DISK_READ, MIB), (DISK_WRITTEN, 0.0)],
        ..process(5, "reader", 0.0, 0.0)
    };
    model.pause();
    model.take(news(151, figures(0), vec![io]));
    model.sort_by(Sort::Io);
    let all = screen(&mut model, (80, 24));
    let row = all.lines().find(|l| l.contains("reader")).unwrap();
    let row: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(row[..8], ["5", "reader", "–", "–", "1.00", "MiB", "0", "B"]);
}
