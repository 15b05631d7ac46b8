//! Test that the cost of sampling does not depend on the number of scrapers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use crate::exporter::{Exporter, connect};

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
/// Number of requests that a scraper sends on one connection, which the exporter would close after
/// a minute.
const ASKS_OF_A_CONNECTION: u32 = 10;

/// Scrapers that ask for pages at the same time; each pauses for `pause` after every answer.
#[derive(Clone, Copy)]
struct Scrapers {
    count: u32,
    pause: Duration,
}

/// Mean cost of a sample while the scrapers were at work.
#[derive(Debug)]
struct Cost {
    /// CPU time for reading the machine and building the page's figures, in seconds per sample.
    sampling_s: f64,
    /// CPU time of the whole exporter, in seconds per sample.
    whole_s: f64,
    scrapes: f64,
}

impl Scrapers {
    /// Lets the scrapers send requests until the exporter has taken `samples` more samples, one in
    /// each `interval`. Returns the cost per sample.
    fn ask(self, exporter: &Exporter, samples: u32, interval: Duration) -> Cost {
        let before = exporter.page();
        let stop = &AtomicBool::new(false);
        let address = exporter.address;
        std::thread::scope(|scope| {
            for number in 0..self.count {
                scope.spawn(move || {
                    // Real scrapers do not all start at once either.
                    sleep(self.pause * number / self.count);
                    while !stop.load(Ordering::Relaxed) {
                        let mut stream = connect(address);
                        for _ in 0..ASKS_OF_A_CONNECTION {
                            stream.write_all(REQUEST).unwrap();
                            whole_answer(&mut stream);
                            sleep(self.pause);
                        }
                    }
                });
            }
            // Asking for the number of samples is a request, too, so the test waits instead.
            sleep(interval * samples);
            exporter.page_after(before.value("sysmon_samples_total") + f64::from(samples));
            stop.store(true, Ordering::Relaxed);
        });
        let after = exporter.page();
        let grew = |name: &str| after.value(name) - before.value(name);
        let samples = grew("sysmon_samples_total");
        let written = grew("sysmon_pages_written_total");
        assert!(written <= samples + 1.0, "{written} of {samples}");
        Cost {
            sampling_s: grew("sysmon_sampling_cpu_seconds_total") / samples,
            whole_s: grew("process_cpu_seconds_total") / samples,
            scrapes: grew("sysmon_scrapes_total") / samples,
        }
    }
}

#[test]
fn fifty_scrapers_cost_no_more_reads_and_no_more_writing_than_one() {
    let exporter = Exporter::start(&["--interval", "100ms"]);
    let (pause, interval) = (Duration::from_millis(20), Duration::from_millis(100));
    let [one, fifty] = [1, 50].map(|count| Scrapers { count, pause }.ask(&exporter, 20, interval));
    assert!(fifty.scrapes > 5.0 * one.scrapes, "{one:?} {fifty:?}");
    assert!(fifty.sampling_s < 5.0 * one.sampling_s, "{one:?} {fifty:?}");
}

/// Compares a minute without scrapers with a minute of fifty scrapers that each send a request per
/// second.
#[test]
#[ignore = "takes two minutes and wants the machine for itself: make soak"]
fn a_minute_of_fifty_scrapers_costs_a_sample_no_more_than_a_minute_of_none() {
    let exporter = Exporter::start(&["--interval", "1s", "--processes", "all"]);
    let pause = Duration::from_secs(1);
    let [none, fifty] = [0, 50].map(|count| Scrapers { count, pause }.ask(&exporter, 60, pause));
    let answer_us = 1e6 * (fifty.whole_s - fifty.sampling_s) / fifty.scrapes;
    println!("CPU time of a sample: {none:?} {fifty:?}, of an answer {answer_us:.0} us");
    assert!(fifty.scrapes > 25.0, "they did not ask: {fifty:?}");
    assert!(
        fifty.sampling_s < 1.5 * none.sampling_s,
        "{none:?} {fifty:?}"
    );
}

/// Reads one whole answer on a connection that stays open. Panics if it is closed before.
fn whole_answer(stream: &mut TcpStream) {
    let mut heard = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "closed in the midst of an answer");
        heard.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&heard);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                return;
            }
        }
    }
}
