//! Tests of what Redis counts, on both sides of the bounds of the rules: connections, clients, bytes, refused
//! commands, and calls in the slow log.

use crate::assessment::{Assessment, Finding, FindingKind};
use bench_report::{CheckoutParts, EvidenceRow, Load, Pacing, PoolUsage, ServerEvidence, Step};

use super::common::parts::{PlantFigure, row};
use super::common::{Plant, command};
use super::redis_server::{rows, run, server};
use super::{assess_reports, finding, is_unknown};

#[track_caller]
fn found<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    finding(assessment, rule).unwrap_or_else(|| panic!("{rule}: {:?}", assessment.findings))
}

fn ruled_out<'a>(assessment: &'a Assessment, rule: &str) -> Option<&'a str> {
    let mut all = assessment.ruled_out.iter();
    let found = all.find(|r| r.rule == rule);
    found.map(|r| r.statement.as_str())
}

/// Gives the operations of a step these numbers of calls, all of which succeeded.
fn count(step: &mut Step, counts: [(&str, u64); 3]) {
    for (name, count) in counts {
        let operation = step.operations.get_mut(name).unwrap();
        (operation.attempted, operation.succeeded) = (count, count);
    }
}

/// Returns the row of the load's reads in the table `commands`.
fn get(server: &mut ServerEvidence) -> &mut EvidenceRow {
    let mut all = rows(server, "commands").iter_mut();
    let get = all.find(|row| row.labels["command"] == "get");
    get.unwrap()
}

/// Planted: `calls` reads in `usec` microseconds, the longest by the histogram of `longest_us`.
fn reads(server: &mut ServerEvidence, (calls, usec): (f64, f64), longest_us: f64) {
    *get(server) = command("get", "load", (calls, usec), longest_us);
}

/// Planted: `slow` reads in the slow log, which took `usec` microseconds together.
fn log(server: &mut ServerEvidence, (slow, usec): (f64, f64), longest_us: f64) {
    let figures = [("calls", slow), ("usec", usec), ("longest_us", longest_us)];
    rows(server, "slow_calls").push(row([("command", "get")], figures));
}

/// Returns true if some reads are told from the others, whatever they cost.
fn has_outliers(plant: impl Fn(&mut ServerEvidence)) -> bool {
    let assessment = server(plant);
    let none = "no call of the load's commands took far longer than the others";
    ruled_out(&assessment, "redis_outliers") != Some(none)
}

/// The longest call of a histogram is known within a factor of two, so that half of it counts.
#[test]
fn without_a_slow_log_half_of_the_longest_call_of_the_histogram_counts() {
    let has = |longest_us: f64| has_outliers(|s| reads(s, (1_001.0, 3_000.0), longest_us));
    assert!(has(2_000.0));
    assert!(!has(1_999.0));
}

/// Planted: 5 of 15 reads took 2 ms each; the 10 others took 200 and 201 µs each.
#[test]
fn slow_calls_are_compared_with_the_mean_of_the_others() {
    let has = |others_us: f64| {
        has_outliers(|s| {
            let usec = 10_000.0 + 10.0 * others_us;
            reads(s, (15.0, usec), 2_000.0);
            log(s, (5.0, 10_000.0), 2_000.0);
        })
    };
    assert!(has(200.0));
    assert!(!has(201.0));
}

/// Planted in an open load whose main thread is busy 55 % of the second: of 20 slow reads one took 8 ms, and the
/// others 100 µs. The one costs 64 ÷ (2 × 0.45) µs a call; 20 alike ones would cost less. All reads took 5 µs.
#[test]
fn one_long_call_in_the_slow_log_costs_its_own_square() {
    let assessment = run(|step| {
        step.load = Load::Open {
            rate_per_s: 21_000.0,
            pacing: Pacing::Constant,
            in_flight_cap: 1_000,
            delayed_at_cap: 0,
        };
        let s = step.server.as_mut().unwrap();
        s.plant("net_output_bytes", 500e6);
        reads(s, (10_000.0, 50_000.0), 8_000.0);
        log(s, (20.0, 9_900.0), 8_000.0);
    });
    let outliers = found(&assessment, "redis_outliers");
    let saved_ns = outliers.impact.unwrap().saved_ns.unwrap();
    let expected_ns = 64_000.0 / 0.9;
    assert!((saved_ns / expected_ns - 1.0).abs() < 1e-6, "{saved_ns}");
    let words = "20 of 10000 calls do; the mean of all is 5.00 µs.";
    assert!(outliers.detail.contains(words), "{}", outliers.detail);
}

/// Planted: ten reads of 30 ms, and `more` reads than the load sent.
#[test]
fn slow_calls_are_another_client_s_if_nine_of_ten_are_beyond_those_of_the_load() {
    let detail = |more: u64| {
        let assessment = run(|step| {
            let made = step.operations["get"].attempted + step.operations["miss"].attempted;
            let calls = (made + more) as f64;
            let s = step.server.as_mut().unwrap();
            s.plant("net_output_bytes", 500e6);
            reads(s, (calls, 2.0 * calls + 300_000.0), 33_000.0);
            log(s, (10.0, 300_000.0), 30_000.0);
        });
        found(&assessment, "redis_outliers").detail.clone()
    };
    let theirs = detail(9);
    let words = "The server counted 9 GET more than the load sent";
    assert!(theirs.contains(words), "{theirs}");
    for few in [0, 8] {
        let own = detail(few);
        assert!(!own.contains("more than the load sent"), "{own}");
    }
}

/// Planted: HGETALL of others for 190 ms, and scripts that may contain a part of that.
#[test]
fn a_part_inside_of_scripts_is_told_from_a_twentieth_on() {
    let detail = |scripts: f64| {
        let assessment = server(|s| {
            let hgetall = command("hgetall", "others", (100.0, 190_000.0), 3_800.0);
            let eval = command("eval", "others", (scripts, 1_900.0 * scripts), 2_000.0);
            rows(s, "commands").extend([hgetall, eval]);
        });
        let found = found(&assessment, "redis_command");
        assert_eq!(found.thing.as_deref(), Some("HGETALL"));
        found.detail.clone()
    };
    let words = "A part of these calls may have run inside of scripts or transactions";
    let much = detail(6.0);
    assert!(much.contains(words), "{much}");
    let little = detail(4.0);
    assert!(!little.contains(words), "{little}");
}

#[test]
fn advice_about_a_command_fits_it() {
    for (name, words) in [
        ("keys", "use SCAN"),
        ("fcall", "shorten the script"),
        ("flushall", "use UNLINK"),
        ("flushdb", "use UNLINK"),
        ("del", "use UNLINK"),
        ("save", "use BGSAVE"),
        ("debug", "keep DEBUG commands off"),
        ("lrange", "ask for less at a time"),
    ] {
        let assessment = server(|s| {
            let two = command(name, "others", (2.0, 300_000.0), 190_000.0);
            rows(s, "commands").push(two);
        });
        let advice = found(&assessment, "redis_command").advice.as_ref().unwrap();
        let first = &advice.actions[0];
        assert!(first.starts_with(words), "{name}: {first}");
    }
}

/// Planted: 22,500 calls, whose answers take 18,000 × `value_bytes` + 22,500 × 64 bytes at most, in a step of
/// `seconds`. Other clients received `others` bytes.
fn has_bytes(value_bytes: u64, others: f64, seconds: f64) -> bool {
    let mut report = Plant::default().redis();
    report
        .config
        .insert("value_bytes".into(), value_bytes.into());
    for step in &mut report.steps {
        count(step, [("get", 18_000), ("miss", 2_250), ("set", 2_250)]);
        let own = 18_000.0 * value_bytes as f64 + 22_500.0 * 64.0;
        let server = step.server.as_mut().unwrap();
        server.plant("net_output_bytes", own + others);
        server.plant("interval_s", seconds);
    }
    let assessment = assess_reports(&[report]);
    let is_told = finding(&assessment, "redis_bytes").is_some();
    assert_ne!(is_told, ruled_out(&assessment, "redis_bytes").is_some());
    is_told
}

#[test]
fn bytes_to_others_count_from_a_mebibyte_a_second_and_a_tenth_of_all_on() {
    assert!(has_bytes(100, 1_048_576.0, 1.0));
    assert!(!has_bytes(100, 1_048_575.0, 1.0));
    // Three quarters of a mebibyte a second.
    assert!(!has_bytes(100, 1_572_864.0, 2.0));
    // The load's own answers take 19,440,000 bytes.
    assert!(has_bytes(1_000, 2_160_000.0, 1.0));
    assert!(!has_bytes(1_000, 2_159_999.0, 1.0));
}

/// Returns the finding about the limit of clients, of which 10,000 may connect.
fn maxclients(connected: f64, of_cluster: f64, refused: f64) -> Option<Finding> {
    let assessment = server(|s| {
        s.plant("connected_clients_max", connected);
        s.plant("cluster_connections", of_cluster);
        s.plant("rejected_connections", refused);
    });
    finding(&assessment, "redis_maxclients").cloned()
}

#[test]
fn clients_are_near_their_limit_at_nine_tenths_of_it_with_those_of_the_cluster() {
    let near = maxclients(4_500.0, 4_500.0, 0.0).unwrap();
    assert_eq!(near.kind, FindingKind::Information);
    let words = "9000 of 10000 clients connected at most.";
    assert!(near.detail.starts_with(words), "{}", near.detail);
    assert!(maxclients(4_500.0, 4_499.0, 0.0).is_none());
    let refused = maxclients(20.0, 0.0, 1.0).unwrap();
    assert_eq!(refused.kind, FindingKind::Problem);
    let words = "Redis turned away 1 connection: maxclients is 10000";
    assert_eq!(refused.title, words);
}

/// Planted: 20,000 calls, and `came` new connections, each of which took the load `connect_mean_ns` of its call.
fn is_churn(came: f64, connect_mean_ns: f64) -> bool {
    let assessment = run(|step| {
        count(step, [("get", 17_000), ("miss", 1_000), ("set", 2_000)]);
        let server = step.server.as_mut().unwrap();
        server.plant("connections_received", came);
        step.pool = Some(PoolUsage {
            max_size: 8,
            size_mean: 8.0,
            in_use_mean: 3.0,
            checkout: Some(CheckoutParts {
                count: 20_000,
                opened: came as u64,
                connect_mean_ns,
                ..CheckoutParts::default()
            }),
            ..PoolUsage::default()
        });
    });
    finding(&assessment, "redis_churn").is_some()
}

#[test]
fn connections_come_anew_from_a_tenth_of_the_calls_on_or_a_hundredth_if_they_cost_the_load() {
    assert!(is_churn(2_000.0, 0.0) && !is_churn(1_999.0, 0.0));
    assert!(is_churn(200.0, 90_000.0) && !is_churn(199.0, 90_000.0));
}

/// Planted: a client with 9 MB of unread answers, and requests of the load whose connection broke, of two kinds. The
/// server cut off `dropped` clients.
fn unread(dropped: f64, broken: [u64; 2]) -> (Finding, f64) {
    let mut report = Plant::default().redis();
    report
        .steps
        .retain(|step| step.parameter("pool_size") == Some(8.0));
    let step = &mut report.steps[0];
    let server = step.server.as_mut().unwrap();
    server.plant("evicted_clients", dropped);
    let labels = [("kind", "slow reader"), ("name", "ops")];
    let figures = [("clients", 1.0), ("output_bytes", 9e6)];
    rows(server, "clients").push(row(labels, figures));
    let set = step.operations.get_mut("set").unwrap();
    for (kind, count) in ["closed", "reset"].into_iter().zip(broken) {
        if count > 0 {
            set.succeeded -= count;
            set.errors.insert(kind.into(), count);
        }
    }
    let calls: u64 = step.operations.values().map(|o| o.attempted).sum();
    let assessment = assess_reports(&[report]);
    (found(&assessment, "redis_output").clone(), calls as f64)
}

#[test]
fn only_clients_that_were_cut_off_explain_connections_of_the_load_that_broke() {
    let (both, calls) = unread(2.0, [3, 2]);
    assert_eq!(both.kind, FindingKind::Problem);
    let words = "5 requests of the load failed because the connection broke.";
    assert!(both.detail.contains(words), "{}", both.detail);
    let ratio = both.impact.unwrap().ratio;
    assert!((ratio * calls / 5.0 - 1.0).abs() < 1e-6, "{ratio}");
    let (none_broke, _) = unread(2.0, [0, 0]);
    assert_eq!(none_broke.kind, FindingKind::Information);
    let words = "No connection of the load broke.";
    assert!(none_broke.detail.contains(words), "{}", none_broke.detail);
    let (none_cut_off, _) = unread(0.0, [3, 2]);
    assert_eq!(none_cut_off.kind, FindingKind::Information);
    assert!(none_cut_off.impact.is_none());
    let words = "A client does not read its answers: ops";
    assert_eq!(none_cut_off.title, words);
}

#[test]
fn one_client_that_runs_monitor_is_told_in_the_singular_and_by_whom_if_that_is_known() {
    let title = |labels: &[(&str, &str)], clients: f64| {
        let assessment = server(|s| {
            let labels = labels.iter().copied();
            let labels = labels.chain([("kind", "monitor")]);
            let figures = [("clients", clients), ("output_bytes", 0.0)];
            rows(s, "clients").push(row(labels, figures));
        });
        found(&assessment, "redis_monitor").title.clone()
    };
    let whole = [("name", "ops"), ("address", "10.0.0.7")];
    let words = "A client runs MONITOR: ops at 10.0.0.7";
    assert_eq!(title(&whole, 1.0), words);
    let words = "2 clients run MONITOR: 10.0.0.7";
    assert_eq!(title(&[("name", ""), whole[1]], 2.0), words);
    assert_eq!(title(&[], 1.0), "A client runs MONITOR: others");
}

#[test]
fn memory_in_swap_is_told_from_a_mebibyte_on_and_compared_with_a_use_that_is_known() {
    let swapped = |bytes: f64, used: f64| {
        let assessment = server(|s| {
            s.plant("swap_bytes", bytes);
            s.plant("used_memory_bytes", used);
        });
        finding(&assessment, "redis_swap").map(|f| f.title.clone())
    };
    let half = swapped(1_048_576.0, 2_097_152.0).unwrap();
    assert!(half.contains("50 % of what it uses"), "{half}");
    assert!(swapped(1_048_575.0, 2_097_152.0).is_none());
    let unknown = swapped(1_048_576.0, 0.0).unwrap();
    assert!(!unknown.contains("of what it uses"), "{unknown}");
}

/// Planted: the server counts subcommands of CLIENT together or apart, and `blocked` clients waited on purpose.
#[test]
fn no_pause_is_known_where_subcommands_are_counted_apart() {
    let without_pause = |names: &[&str], blocked: f64| {
        server(|s| {
            s.plant("blocked_clients_max", blocked);
            let others = names.iter();
            let others = others.map(|name| command(name, "others", (1.0, 9.0), 9.0));
            rows(s, "commands").extend(others);
        })
    };
    let apart = without_pause(&["client", "client|info"], 0.0);
    let statement = ruled_out(&apart, "redis_paused");
    assert_eq!(statement, Some("no client paused the others"));
    let together = without_pause(&["client"], 0.0);
    assert!(is_unknown(&together, "redis_paused"));
    assert_eq!(ruled_out(&together, "redis_paused"), None);
}
