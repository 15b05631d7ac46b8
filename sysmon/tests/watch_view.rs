//! What `sysmon watch` shows of a made-up machine, on terminals of any size.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use ratatui::text::Span;
use sysmon::figure::Figures;
use sysmon::source::process::Fields;
use sysmon::watch::model::{About, Model, News, Own};
use sysmon::watch::process::{CORES, DISK_READ, DISK_WRITTEN, MEMORY, Process, Sort};
use sysmon::watch::view::{self, palette::Palette};

const S: u64 = 1_000_000_000;
const GIB: f64 = (1_u64 << 30) as f64;
const MIB: f64 = (1_u64 << 20) as f64;

fn about() -> About {
    About {
        host: "db-7".to_owned(),
        cores: Some(4),
        interval_ns: S,
        follows: false,
        fields: Fields::default(),
    }
}

fn process(pid: u32, name: &str, cores: f64, memory: f64) -> Process {
    Process {
        pid,
        name: name.to_owned(),
        command: Some(format!("/usr/bin/{name} --config /etc/{name}.conf")),
        follow: None,
        figures: vec![(CORES, cores), (MEMORY, memory)],
    }
}

fn shares(f: &mut Figures, labels: &[(&'static str, &str)], user: f64) {
    for (name, share) in [
        ("cpu.busy_ratio", user + 0.15),
        ("cpu.user_ratio", user),
        ("cpu.system_ratio", 0.1),
        ("cpu.nice_ratio", 0.0),
        ("cpu.irq_ratio", 0.02),
        ("cpu.softirq_ratio", 0.03),
        ("cpu.guest_ratio", 0.0),
        ("cpu.iowait_ratio", 0.08),
        ("cpu.steal_ratio", 0.05),
        ("cpu.idle_ratio", 0.72 - user),
    ] {
        f.put_labelled(name, labels, Some(share));
    }
}

/// A machine that is busier in every second half minute.
fn figures(second: u64) -> Figures {
    let mut f = Figures::default();
    let wave = if (second / 30).is_multiple_of(2) {
        0.1
    } else {
        0.6
    };
    shares(&mut f, &[], wave);
    for (core, user) in [("0", 0.7), ("1", 0.3), ("2", 0.1), ("3", 0.0)] {
        shares(&mut f, &[("core", core)], user);
    }
    for (name, value) in [
        ("load.average_1m", 1.25),
        ("load.average_5m", 0.8),
        ("load.average_15m", 0.5),
        ("load.runnable", 3.0),
        ("load.blocked", 1.0),
        ("load.tasks", 412.0),
        ("scheduler.context_switches_per_s", 12_345.0),
        ("scheduler.forks_per_s", 2.0),
        ("memory.total_bytes", 16.0 * GIB),
        ("memory.used_bytes", 4.0 * GIB),
        ("memory.used_ratio", 0.25),
        ("memory.cached_bytes", 6.5 * GIB),
        ("memory.dirty_bytes", 12.0 * MIB),
        ("memory.major_faults_per_s", 0.0),
        ("swap.used_bytes", 0.0),
        ("pressure.cpu.some_ratio", wave),
        ("pressure.memory.some_ratio", 0.0),
        ("pressure.io.some_ratio", 0.03),
    ] {
        f.put(name, Some(value));
    }
    for (disk, read, written) in [("sda", 0.0, 4096.0), ("vda", 1.5 * MIB, 30.0 * MIB * wave)] {
        let labels = [("device", disk)];
        f.put_labelled("disk.read_bytes_per_s", &labels, Some(read));
        f.put_labelled("disk.write_bytes_per_s", &labels, Some(written));
        f.put_labelled("disk.busy_ratio", &labels, Some(wave / 2.0));
    }
    for (name, received, sent) in [("eth0", 2.5 * MIB * wave, 80_000.0), ("lo", 500.0, 500.0)] {
        let labels = [("interface", name)];
        f.put_labelled("network.receive_bytes_per_s", &labels, Some(received));
        f.put_labelled("network.transmit_bytes_per_s", &labels, Some(sent));
        f.put_labelled("network.drops_per_s", &labels, Some(0.0));
    }
    f
}

fn processes() -> Vec<Process> {
    let mut all = vec![
        process(4711, "postgres", 1.25, 512.0 * MIB),
        process(812, "redis-server", 0.4, 96.0 * MIB),
        process(1, "systemd", 0.0, 12.0 * MIB),
        process(99_999, "数据库服务器", 0.31, 4.0 * MIB),
    ];
    all.extend((100..130).map(|pid| process(pid, "kworker/0:1", 0.0, 0.0)));
    all
}

fn news(second: u64, figures: Figures, processes: Vec<Process>) -> News {
    News {
        at_ns: second * S,
        clock: "14:05:09 UTC".to_owned(),
        figures,
        processes,
        absent: vec![("gpu".to_owned(), "its driver hung".to_owned())],
        own: Own {
            cores: Some(0.004),
            rss_max_bytes: Some(10 << 20),
            missed: 0,
        },
    }
}

/// Two and a half minutes of it.
fn busy_machine() -> Model {
    let mut model = Model::new(about());
    for second in 0..150 {
        model.take(news(second, figures(second), processes()));
    }
    model
}

fn buffer(model: &mut Model, palette: Palette, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    // The first frame tells how many processes there is room for.
    for _ in 0..2 {
        let mut page = 0;
        let draw = |frame: &mut ratatui::Frame| page = view::draw(frame, model, palette);
        terminal.draw(draw).unwrap();
        model.set_page(page);
    }
    terminal.backend().buffer().clone()
}

fn lines_of(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    let rows = buffer.content().chunks(width);
    let text = |row: &[ratatui::buffer::Cell]| {
        let mut line = String::new();
        let mut covered = 0;
        for cell in row {
            // A wide character covers the cell behind it.
            if covered > 0 {
                covered -= 1;
                continue;
            }
            covered = Span::raw(cell.symbol()).width().max(1) - 1;
            line.push_str(cell.symbol());
        }
        line.trim_end().to_owned()
    };
    rows.map(text).collect()
}

fn lines(model: &mut Model, size: (u16, u16)) -> Vec<String> {
    lines_of(&buffer(model, Palette::new(false), size))
}

fn screen(model: &mut Model, size: (u16, u16)) -> String {
    lines(model, size).join("\n")
}

#[test]
fn a_common_terminal() {
    insta::assert_snapshot!(screen(&mut busy_machine(), (80, 24)), @r#"
    sysmon · db-7 · 4 cores · 16.0 GiB                       every 1s · 14:05:09 UTC
    CPU       25.0 % ████▓▓▓▓▒▒wwws························ ▆▆▆▆▆▆▂▂▂▂▂▂▆▆▆▆▆▆▂▂▂▂▂▂
    █ user 10.0 ░ nice  0.0 ▓ sys 10.0 ▒ other  5.0 w iowait  8.0 s steal  5.0
      0 ██████▒s  85 %    1 ██▓▒s···  45 %    2 █▓w·····  25 %    3 ▓w······  15 %
    Load     1.25 0.80 0.50  runnable 3  blocked 1  switches 12.3 k/s  forks 2.00/s
    Memory    25.0 % ████············ 4.00 GiB of 16.0 GiB  ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂
             cached 6.50 GiB  dirty 12.0 MiB  swap 0 B  major faults 0.00/s
    Pressure CPU 10.0 %    ▅▅▁▅▅▁▁  memory 0.0 %  ▁▁▁▁▁▁▁  I/O 3.0 %     ▁▁▁▁▁▁▁
    Disk        read/s  write/s    busy      Network       in/s    out/s drops/s
    sda            0 B 4.00 KiB   5.0 % ███  eth0       256 KiB 78.1 KiB     0.0 ██▂
    vda       1.50 MiB 3.00 MiB   5.0 % ██▂  lo           500 B    500 B     0.0 ███
    Processes 34, by CPU                                                        1–10
        PID NAME               CORES▼    MEMORY  COMMAND
       4711 postgres             1.25   512 MiB  /usr/bin/postgres --config /etc/po…
        812 redis-server         0.40  96.0 MiB  /usr/bin/redis-server --config /et…
      99999 数据库服务器         0.31  4.00 MiB  /usr/bin/数据库服务器 --config /et…
          1 systemd              0.00  12.0 MiB  /usr/bin/systemd --config /etc/sys…
        100 kworker/0:1          0.00       0 B  /usr/bin/kworker/0:1 --config /etc…
        101 kworker/0:1          0.00       0 B  /usr/bin/kworker/0:1 --config /etc…
        102 kworker/0:1          0.00       0 B  /usr/bin/kworker/0:1 --config /etc…
        103 kworker/0:1          0.00       0 B  /usr/bin/kworker/0:1 --config /etc…
        104 kworker/0:1          0.00       0 B  /usr/bin/kworker/0:1 --config /etc…
        105 kworker/0:1          0.00       0 B  /usr/bin/kworker/0:1 --config /etc…
    q quit  ? help  / filter  c m i n p sort      own cost 0.4 % of a core, 10.0 MiB
    "#);
}

#[test]
fn a_small_terminal_keeps_what_matters_and_a_large_one_has_it_all() {
    let mut model = busy_machine();
    let small = screen(&mut model, (60, 16));
    for kept in [
        "█ us 10.0 ░ ni  0.0 ▓ sy 10.0",
        "Cores",
        "Pressure CPU 10.0 %",
        "write/s",
        "postgres",
    ] {
        assert!(small.contains(kept), "{kept}:\n{small}");
    }
    assert!(
        !small.contains("cached") && !small.contains("sda"),
        "{small}"
    );
    let large = screen(&mut model, (160, 40));
    for more in [
        "softirq  3.0",
        "idle 62.0",
        "core 3",
        "swapped in",
        "await",
        "errors/s",
        "kworker/0:1.conf",
    ] {
        assert!(large.contains(more), "{more}:\n{large}");
    }
}

#[test]
fn the_help() {
    let mut model = busy_machine();
    model.help = true;
    let help = screen(&mut model, (80, 24));
    for told in [
        "sort by CPU",
        "█ ░ ▓ ▒",
        "Absent here",
        "gpu: its driver hung",
    ] {
        assert!(help.contains(told), "{told}:\n{help}");
    }
}

#[test]
fn every_size_is_drawn_and_too_small_ones_say_so() {
    let mut model = busy_machine();
    for (width, height) in [(1, 1), (5, 2), (59, 40), (200, 15), (30, 3)] {
        let lines = lines(&mut model, (width, height));
        if width >= 20 {
            assert_eq!(lines[0], "60 × 16 needed,");
            assert_eq!(lines[1], format!("{width} × {height} here."));
        }
    }
    for width in [60, 61, 79, 80, 100, 133, 300] {
        for height in [16, 19, 24, 40, 90] {
            let lines = lines(&mut model, (width, height));
            let all = lines.join("\n");
            for wanted in ["CPU", "Memory", "Pressure", "postgres", "own cost"] {
                assert!(all.contains(wanted), "{wanted} at {width}x{height}:\n{all}");
            }
            assert!(lines.last().unwrap().contains("q quit"));
            assert!(model.page() >= 4, "{width}x{height}");
        }
    }
}

#[test]
fn colours_only_repeat_what_is_there_without_them() {
    let mut model = busy_machine();
    let [plain, coloured] = [false, true].map(|on| buffer(&mut model, Palette::new(on), (100, 30)));
    assert_eq!(lines_of(&plain), lines_of(&coloured));
    let colours = |buffer: &Buffer| {
        let cells = buffer.content().iter();
        cells
            .filter(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset))
            .count()
    };
    assert_eq!(colours(&plain), 0);
    assert!(colours(&coloured) > 100);
}

#[test]
fn what_was_not_read_is_absent_and_not_zero() {
    let mut model = Model::new(about());
    model.take(News {
        at_ns: 1,
        ..News::default()
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
    let mut model = Model::new(About {
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

#[test]
fn in_a_container_shares_are_of_the_limit() {
    let mut f = figures(0);
    let own = [("cgroup", "own")];
    for (name, value) in [
        ("cgroup.cpu.quota_cores", 0.5),
        ("cgroup.cpu.used_ratio", 0.92),
        ("cgroup.cpu.throttled_periods_ratio", 0.4),
        ("cgroup.memory.limit_bytes", 512.0 * MIB),
        ("cgroup.memory.used_ratio", 0.81),
    ] {
        f.put_labelled(name, &own, Some(value));
    }
    let mut model = Model::new(about());
    model.take(news(0, f, processes()));
    let all = screen(&mut model, (80, 24));
    let line = |of: &str| all.lines().find(|l| l.starts_with(of)).unwrap();
    let cpu = line("CPU ");
    assert!(
        cpu.contains("92.0 %") && cpu.contains("of a 0.50-core limit"),
        "{all}"
    );
    let memory = line("Memory");
    assert!(
        memory.contains("81.0 %") && memory.contains("of a 512 MiB limit"),
        "{all}"
    );
    assert!(all.contains("held back in 40.0 % of periods"), "{all}");
    assert!(all.contains("machine busy 25.0 %") && all.contains("machine used 25.0 %"));
}

#[test]
fn iowait_and_steal_are_told_from_busy() {
    let mut model = busy_machine();
    let all = screen(&mut model, (160, 40));
    let core = all.lines().find(|line| line.starts_with("core 0")).unwrap();
    let bar = core.split_once('%').unwrap().0;
    for shape in ['█', '▓', 'w', 's'] {
        assert!(bar.contains(shape), "{shape}: {core}");
    }
    assert!(bar.trim_end().ends_with("85"), "{core}");
}

#[test]
fn more_cores_than_bars_become_a_line_of_them() {
    let mut f = figures(0);
    for core in 0..96 {
        let core = core.to_string();
        shares(
            &mut f,
            &[("core", &core)],
            if core == "17" { 0.8 } else { 0.0 },
        );
    }
    for (core, state) in [("40", "cpu.iowait_ratio"), ("41", "cpu.steal_ratio")] {
        f.put_labelled(state, &[("core", core)], Some(0.9));
    }
    let mut model = Model::new(about());
    model.take(news(0, f, processes()));
    let all = lines(&mut model, (80, 24));
    let at = all
        .iter()
        .position(|line| line.starts_with("Cores"))
        .unwrap();
    assert!(all[at].contains("ws"), "{}", all[at]);
    assert!(all[at + 1].starts_with("from 71"), "{}", all[at + 1]);
    let one = lines(&mut model, (200, 30)).join("\n");
    assert!(one.contains("busiest 17: 95.0 %"), "{one}");
}

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
    let mut model = Model::new(About {
        follows: true,
        fields: Fields {
            threads: true,
            ..Fields::default()
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
    // Ordered by transfers, they are read and shown.
    model.sort_by(Sort::Io);
    assert!(model.fields().io);
    assert!(screen(&mut model, (80, 24)).contains("WRITE/s▼"));
}

#[test]
fn a_gpu_has_its_line() {
    let mut f = figures(0);
    let labels = [("gpu", "0"), ("name", "Made-up 9000")];
    for (name, value) in [
        ("gpu.utilisation_ratio", 0.87),
        ("gpu.memory_used_bytes", 12.5 * GIB),
        ("gpu.memory_total_bytes", 139.0 * GIB),
        ("gpu.power_watts", 412.0),
    ] {
        f.put_labelled(name, &labels, Some(value));
    }
    let mut model = Model::new(about());
    model.take(news(0, f, processes()));
    let all = screen(&mut model, (100, 40));
    let gpu = all.lines().find(|l| l.starts_with("GPU 0")).unwrap();
    assert!(
        gpu.contains("87.0 %") && gpu.contains("12.5 GiB of 139 GiB"),
        "{gpu}"
    );
    assert!(all.contains("Made-up 9000  power 412 W  at – "), "{all}");
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
    let io = Process {
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
