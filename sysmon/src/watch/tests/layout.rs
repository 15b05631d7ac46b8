//! Tests of the live view on terminals of every size, with colours and without.

use crate::watch::view::palette::Palette;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::machine::busy_machine;
use super::screen::{buffer, lines, lines_of, screen};

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
