//! Tests of absent figures, and of names that other users chose.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::text::Span;

use super::machine::{MIB, about, figures, news, process};
use super::screen::{buffer, lines, screen};
use crate::figure::Figures;
use crate::watch::model::{Model, SampleUpdate, ViewInfo};
use crate::watch::view::palette::Palette;

#[test]
fn what_was_not_read_is_absent_and_not_zero() {
    let mut model = Model::new(about());
    model.take(SampleUpdate {
        at_ns: 1,
        ..SampleUpdate::default()
    });
    let all = screen(&mut model, (80, 24));
    let line = |of: &str| all.lines().find(|l| l.starts_with(of)).unwrap();
    assert!(line("CPU ").starts_with("CPU            – ···"), "{all}");
    assert!(line("Memory").contains("– of –"), "{all}");
    assert!(line("Pressure").contains("CPU –"), "{all}");
    assert!(line("Disk").contains("read/s") && all.contains("none seen"));
    assert!(all.contains("no process could be read"));
    let overview = all
        .lines()
        .skip(1)
        .take_while(|l| !l.starts_with("Processes"));
    for line in overview {
        assert!(!line.contains(|c: char| c.is_ascii_digit()), "{line}");
    }

    let mut idle = process(7, "unknown", 0.0, 0.0);
    idle.figures.clear();
    model.take(news(2, Figures::default(), vec![idle]));
    let all = screen(&mut model, (80, 24));
    let row = all.lines().find(|line| line.contains("unknown")).unwrap();
    let row: Vec<&str> = row.split_whitespace().take(4).collect();
    assert_eq!(row, ["7", "unknown", "–", "–"]);
}

#[test]
fn hostile_names_neither_reach_the_terminal_nor_move_the_columns() {
    let long = "x".repeat(10_000);
    let names = [
        "\u{1b}[2J\u{1b}[H",
        "a\nb\rc\td",
        "\u{9b}31mred",
        "\u{202e}evil",
        "e\u{301}\u{301}\u{301}\u{301}",
        "数据库服务器数据库服务器",
        &long,
        "",
        "\u{1f600}\u{200d}\u{1f600}",
    ];
    let hostile = (1..).zip(names).map(|(pid, name)| {
        let mut hostile = process(pid, name, 7.77, MIB);
        hostile.command = Some(format!("{name} {name}"));
        hostile
    });
    let mut f = figures(0);
    for name in names {
        f.put_labelled(
            "network.receive_bytes_per_s",
            &[("interface", name)],
            Some(1.0),
        );
        f.put_labelled("disk.read_bytes_per_s", &[("device", name)], Some(1.0));
        f.put_labelled("tree.processes", &[("follow", name)], Some(1.0));
        let labels = [("gpu", name), ("name", name)];
        f.put_labelled("gpu.utilisation_ratio", &labels, Some(0.5));
    }
    let mut model = Model::new(ViewInfo {
        host: names[0].to_owned(),
        ..about()
    });
    let mut news = news(0, f, hostile.collect());
    news.absent = names
        .iter()
        .map(|n| ((*n).to_owned(), (*n).to_owned()))
        .collect();
    model.take(news);
    for c in names.concat().chars().collect::<BTreeSet<_>>() {
        model.begin_filter();
        model.type_filter(c);
        let all = buffer(&mut model, Palette::new(true), (80, 24));
        no_control(&all);
        model.end_filter(false);
        model.drop_filter();
    }
    for (size, help) in [
        ((80, 24), false),
        ((60, 16), false),
        ((200, 60), false),
        ((80, 24), true),
    ] {
        model.help = help;
        no_control(&buffer(&mut model, Palette::new(true), size));
    }
    model.help = false;
    let all = lines(&mut model, (120, 50));
    let before = all.iter().filter_map(|line| line.split_once("7.77"));
    let cores: Vec<usize> = before
        .map(|(before, _)| Span::raw(before).width())
        .collect();
    assert_eq!(cores.len(), names.len());
    assert!(cores.windows(2).all(|w| w[0] == w[1]), "{cores:?}");
}

fn no_control(buffer: &Buffer) {
    for cell in buffer.content() {
        let symbol = cell.symbol();
        assert!(!symbol.chars().any(char::is_control), "{symbol:?}");
        assert!(!symbol.contains(['\u{202e}', '\u{200d}']), "{symbol:?}");
    }
}
