//! Tests of `lifecycle` as a program, on a real server: connections that are opened, closed and
//! lost.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bench_report::{Report, Status, Step, StepEnd};
use testbed::Postgres;

use crate::common::{Talk, complete, postgres, time_parts};

const COURSE: &str = "--pool-size 4 --peak-rate 50 --spike 4 --duration 600ms --idle 1600ms \
                      --idle-timeout 400ms --workload point-select --seed 7";

fn part<'r>(report: &'r Report, who: &str, part: &str) -> &'r Step {
    let mut steps = report.steps.iter();
    steps
        .find(|step| step.is_with(&[("driver", who), ("part", part)]))
        .unwrap()
}

/// Asserts that the part of a course divides the users' time, or says why not: on a slow machine, a part
/// of some 100 ms may pass without a sample.
#[track_caller]
fn assert_time_is_told(part: &Step) {
    let seen = part.server.as_ref().unwrap();
    let mut reasons = seen.unavailable.values();
    let unseen = reasons.any(|why| why.contains("no sample was taken"));
    assert_eq!(
        time_parts(part).is_empty(),
        unseen || part.throughput_per_s() <= 0.0,
        "{}: {seen:?}",
        part.name
    );
}

#[test]
fn connections_are_opened_reaped_when_idle_and_opened_again_and_all_come_back() {
    let server = postgres(&[]);
    let ran = complete(
        server.url(),
        "lifecycle",
        &format!("{COURSE} --driver deadpool,sqlx --storm 6"),
    );
    let said = &ran.said;
    assert_eq!(
        (ran.code, ran.report.status),
        (0, Status::Complete),
        "{said}"
    );
    let cost = &part(&ran.report, "no pool", "connecting").figures;
    assert!(
        cost["connect.whole_ns"] > cost["connect.same_again_ns"],
        "a login costs more than a statement: {cost:?}"
    );
    let storm = part(&ran.report, "no pool", "login storm");
    let logins = &storm.operations["connect"];
    assert_eq!((logins.succeeded, logins.failures()), (6, 0), "{said}");
    // A login has parts of its own; what sessions do afterwards tells nothing about them.
    let spent = time_parts(storm);
    let named: Vec<&str> = spent.keys().copied().collect();
    assert_eq!(named, ["first_statement", "login", "network"], "{said}");
    assert!(spent.values().all(|share| *share > 0.0), "{spent:?}");
    assert!(
        said.contains("those who came in spent their time on:"),
        "{said}"
    );
    let seen = &storm.server.as_ref().unwrap().figures;
    assert!(seen["server.cpu_ns"] > 0.0, "{seen:?}");

    for driver in ["deadpool", "sqlx"] {
        let idle = &part(&ran.report, driver, "idle").figures;
        assert!(
            idle["server.closed"] >= 1.0 && idle["server.open_at_end"] < 1.0,
            "{driver}: all are reaped: {idle:?}"
        );
        let again = &part(&ran.report, driver, "spike after idle").figures;
        assert!(again["server.opened"] >= 1.0, "{driver}: {again:?}");
        for busy in ["spike", "spike after idle"] {
            assert_time_is_told(part(&ran.report, driver, busy));
        }
        let nobody = part(&ran.report, driver, "idle");
        assert!(time_parts(nobody).is_empty(), "{driver}: nobody came");
        let seen = &nobody.server.as_ref().unwrap().figures;
        assert!(seen["sessions.cpu_mean"] < 0.5, "{driver}: {seen:?}");
        let figures = &ran.report.summary.figures;
        let figure = |name: &str| figures[&format!("{driver}.{name}")];
        assert!(figure("established_again") >= 1.0, "{driver}: {said}");
        assert!(figure("leaked") < 1.0, "{driver}: {said}");
        let parts = ["ramp", "spike", "idle", "spike after idle"];
        let by_pool: f64 = parts
            .iter()
            .map(|name| part(&ran.report, driver, name).figures["pool.opened"])
            .sum();
        assert!(
            (1.0..=by_pool).contains(&figure("opened")),
            "{driver}: the server saw none that the pool did not open: {said}"
        );
    }
    assert!(
        ran.report
            .summary
            .headline
            .contains("every connection came back")
    );
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn connections_that_never_come_back_are_counted_and_named() {
    let server = postgres(&[]);
    // Of some 250 arrivals, two have a number that is a multiple of a hundred.
    let ran = complete(
        server.url(),
        "lifecycle",
        &format!("{COURSE} --driver deadpool,sqlx --leak-every 100 --checkout-timeout 2s"),
    );
    let said = &ran.said;
    assert_eq!(
        (ran.code, ran.report.status),
        (0, Status::Complete),
        "{said}"
    );
    for driver in ["deadpool", "sqlx"] {
        let last = &part(&ran.report, driver, "spike after idle").figures;
        assert_eq!(last["leaks.in_use"] as u64, 2, "{driver}: {said}");
        assert_eq!(last["leaks.sessions"] as u64, 2, "{driver}: {said}");
        let named = last.keys().filter(|name| name.contains("pid_"));
        assert_eq!(named.count(), 2, "{driver}: {last:?}");
    }
    let headline = &ran.report.summary.headline;
    assert!(
        headline.contains("leak: 2 of 4 connections never came back")
            && headline.contains("process"),
        "{headline}"
    );
    Talk::to(server.url()).assert_nothing_is_left();
}

/// Treatment of a connection beyond the largest number that the proxy accepts.
enum Surplus {
    /// The connection is closed at once, as a full pooler does.
    Closed,
    /// The connection is accepted, but never gets an answer.
    Unanswered,
}

/// Starts a proxy before `server` that forwards at most `most` connections at once; `surplus` is
/// the treatment of further ones. Returns the URL of the server behind the proxy, whose threads
/// live as long as the test process.
fn lets_in(server: &Postgres, most: usize, surplus: Surplus) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, target) = (listener.local_addr().unwrap().port(), server.port());
    let inside = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        let mut waiting = Vec::new();
        for client in listener.incoming().flatten() {
            if inside.load(Ordering::SeqCst) >= most {
                match surplus {
                    Surplus::Closed => drop(client),
                    Surplus::Unanswered => waiting.push(client),
                }
                continue;
            }
            inside.fetch_add(1, Ordering::SeqCst);
            let inside = Arc::clone(&inside);
            thread::spawn(move || {
                let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
                let both = [(&client, &server), (&server, &client)];
                thread::scope(|scope| {
                    for (mut from, mut to) in both {
                        scope.spawn(move || {
                            // If either side closes its connection, the other side is closed as well.
                            let _ = io::copy(&mut from, &mut to);
                            let _ = to.shutdown(Shutdown::Both);
                        });
                    }
                });
                inside.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let place = format!(":{}/", server.port());
    server.url().replace(&place, &format!(":{port}/"))
}

const SHORT: &str =
    "--driver deadpool --pool-size 2 --peak-rate 20 --duration 200ms --idle 200ms --storm 60";

#[test]
fn a_storm_that_is_mostly_turned_away_breaks_the_rule_that_guards_a_server() {
    let server = postgres(&[]);
    let url = lets_in(&server, 10, Surplus::Closed);
    let ran = complete(&url, "lifecycle", SHORT);
    let said = &ran.said;
    assert_eq!(
        (ran.code, ran.report.status),
        (3, Status::Stopped),
        "{said}"
    );
    let storm = part(&ran.report, "no pool", "login storm");
    let StepEnd::Stopped { rule, reason } = &storm.end else {
        panic!("{:?}: {said}", storm.end);
    };
    assert!(
        rule == "errors>10%" && reason.contains("requests failed"),
        "{reason}"
    );
    let figure = |name: &str| storm.figures.get(name).copied().unwrap_or(0.0);
    let over = storm.operations["connect"].attempted as f64;
    assert!(
        (figure("storm.logins") - 60.0).abs() < 0.5
            && (over + figure("unfinished") - 60.0).abs() < 0.5,
        "all are accounted for: {said}"
    );
    // The failures of the storm tell nothing about the pool, whose run comes after it.
    assert!(part(&ran.report, "deadpool", "spike").throughput_per_s() > 0.0);
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn logins_that_nobody_answers_break_a_rule_and_are_censored() {
    let server = postgres(&[]);
    // The stop rule must end the step, and not the time-out of a login.
    let url = lets_in(&server, 10, Surplus::Unanswered) + "?connect_timeout=30";
    let ran = complete(&url, "lifecycle", &format!("{SHORT} --stop-on p99>500ms"));
    let said = &ran.said;
    assert_eq!(
        (ran.code, ran.report.status),
        (3, Status::Stopped),
        "{said}"
    );
    let storm = part(&ran.report, "no pool", "login storm");
    let StepEnd::Stopped { rule, .. } = &storm.end else {
        panic!("{:?}: {said}", storm.end);
    };
    assert_eq!(rule, "p99>500ms");
    let logins = &storm.operations["connect"];
    assert_eq!(logins.attempted, 60, "all had begun: {said}");
    assert!(logins.censored > 0 && logins.succeeded > 0, "{logins:?}");
    let ages = logins.unfinished.as_ref().unwrap();
    assert!(ages.count == logins.censored && ages.min_ns > 500_000_000);
    assert_eq!(storm.figures["unfinished"] as u64, logins.censored);
    assert!(storm.generator.worst_stall_ns > 0 && storm.generator.cpu_ns > 0);
    // One after another, all connections were accepted.
    let connecting = part(&ran.report, "no pool", "connecting");
    assert_eq!(connecting.end, StepEnd::Completed, "{said}");
    assert_eq!(connecting.operations["connect"].succeeded, 15, "{said}");
    Talk::to(server.url()).assert_nothing_is_left();
}
