//! Text of the result of `observe` for the terminal.

use bench_cli::table;
use bench_report::names::redis::{self, latency_events};
use bench_report::names::summaries;
use bench_report::{Report, ServerEvidence, Step, Summary};

use super::tables::{
    cluster_nodes, duration, lifetime_percentiles, listed_keys, paragraph, rows, slow_commands,
    special_clients, used_commands,
};
use crate::evidence::{ThreadTime, disturbances};

/// Computes headline and figures from the steps of a run, of which there is at most one.
pub(super) fn summary(steps: &[Step]) -> Summary {
    let mut summary = Summary::default();
    let Some(server) = steps.first().and_then(|step| step.server.as_ref()) else {
        "Nothing was seen.".clone_into(&mut summary.headline);
        return summary;
    };
    if let Some(ratio) = server.value(redis::KEYSPACE_HIT_RATIO) {
        summary.figure(summaries::SERVER_HIT_RATIO, ratio);
    }
    summary.headline = headline(server);
    summary
}

/// Returns throughput, use of the main thread, hits, clients and memory, as far as they are known.
fn headline(server: &ServerEvidence) -> String {
    let rate = server.value(redis::COMMANDS_PER_S);
    let rate = rate.map_or("throughput not known".to_owned(), |rate| {
        format!("{} commands", table::rate(rate))
    });
    let busy = match server.value(redis::MAIN_THREAD_BUSY_RATIO) {
        Some(busy) => Some(format!("main thread busy {}", table::ratio(busy))),
        // Only a lower bound is known, if anything.
        None => ThreadTime::of(server)
            .map(|time| format!("main thread busy at least {}", table::ratio(time.busy))),
    };
    let hits = server.value(redis::KEYSPACE_HIT_RATIO);
    let hits = hits.map(|ratio| format!("{} of reads hit", table::ratio(ratio)));
    let sent = server.value(redis::NET_OUTPUT_BYTES_PER_S);
    let sent = sent.map(|bytes| format!("{}/s sent", table::bytes(bytes as u64)));
    let clients = server.value(redis::CONNECTED_CLIENTS_MAX).map(|most| {
        let told = match server.value(redis::MAXCLIENTS) {
            Some(limit) => format!("{most:.0} of {limit:.0} clients"),
            None => table::counted(most as u64, "client"),
        };
        format!("{told} at most")
    });
    let memory = server.value(redis::USED_MEMORY_BYTES).map(|used| {
        let limit = server.value(redis::MAXMEMORY_BYTES).filter(|l| *l > 0.0);
        let of = limit.map_or_else(String::new, |l| format!(" of {}", table::bytes(l as u64)));
        format!("{}{of} of memory", table::bytes(used as u64))
    });
    let parts = [Some(rate), busy, hits, sent, clients, memory];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Returns the headline, tables of at most 80 columns, events, and the reasons for missing evidence.
pub(super) fn render(report: &Report) -> String {
    let mut text = table::paragraph(&report.summary.headline, 0);
    let Some(step) = report.steps.first() else {
        return text;
    };
    let Some(server) = &step.server else {
        return text;
    };
    cluster_nodes(&mut text, server);
    used_commands(&mut text, server);
    lifetime_percentiles(&mut text, server);
    slow_commands(&mut text, server);
    listed_keys(&mut text, server);
    special_clients(&mut text, server);
    latency_spikes(&mut text, server);
    memory_use(&mut text, server);
    keys_gone(&mut text, server);
    let errors = server.figures.iter().filter_map(|(name, count)| {
        let code = redis::ERRORS.member(name)?;
        Some(format!("{count:.0} {code}"))
    });
    paragraph(&mut text, "Error answers", &errors.collect::<Vec<_>>());
    paragraph(&mut text, "Events", &disturbances(step));
    let reasons = server.unavailable.iter();
    let reasons = reasons.map(|(what, reason)| format!("{what}: {reason}"));
    table::list(&mut text, "Not seen", reasons);
    text
}

/// Appends the events of the latency monitor.
fn latency_spikes(text: &mut String, server: &ServerEvidence) {
    let events = rows(server, latency_events::TABLE).iter();
    let told = events.filter_map(|row| {
        let longest = duration(row.value(latency_events::LONGEST_US));
        let seconds = row.value(latency_events::SECONDS)?;
        let event = row.label(latency_events::EVENT)?;
        Some(format!("{event} up to {longest} in {seconds:.0} s"))
    });
    paragraph(text, "Latency monitor", &told.collect::<Vec<_>>());
}

/// Appends figures of the memory beside those of the headline.
fn memory_use(text: &mut String, server: &ServerEvidence) {
    let size = |name, what: &str| {
        let bytes = server.value(name).filter(|bytes| *bytes > 0.0)?;
        Some(format!("{what} {}", table::bytes(bytes as u64)))
    };
    let number = |name, one, what: &str| {
        let number = server.value(name).filter(|number| *number > 0.0)?;
        Some(table::counted(number as u64, one) + what)
    };
    let ratio = server.value(redis::FRAGMENTATION_RATIO);
    let told = [
        size(redis::USED_MEMORY_PEAK_BYTES, "peak"),
        size(redis::MEMORY_OVERHEAD_BYTES, "tables and buffers"),
        size(redis::REPLICAS_MEMORY_BYTES, "buffers of replicas"),
        ratio.map(|ratio| format!("fragmentation {ratio:.2}")),
        number(redis::KEYS, "key", ""),
        number(redis::EXPIRING_KEYS, "key", " with an expiry"),
        number(
            redis::LAZYFREED_OBJECTS,
            "object",
            " freed by another thread",
        ),
    ];
    paragraph(
        text,
        "Memory",
        &told.into_iter().flatten().collect::<Vec<_>>(),
    );
}

/// Appends the rates at which keys expired and were evicted, as far as they are known and not 0.
fn keys_gone(text: &mut String, server: &ServerEvidence) {
    let rates = [
        (redis::EXPIRED_KEYS_PER_S, "expired"),
        (redis::EVICTED_KEYS_PER_S, "evicted"),
    ];
    let told = rates.iter().filter_map(|(figure, what)| {
        let rate = server.value(*figure).filter(|rate| *rate > 0.0)?;
        Some(format!("{} {what}", table::rate(rate)))
    });
    paragraph(text, "Keys", &told.collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use bench_report::EvidenceRow;
    use bench_report::names::redis::{clients, commands};
    use bench_report::names::{self, FigureName};

    use super::*;

    /// Report of a real run, beside a cache, a script with `KEYS` and a snapshot.
    fn golden() -> Report {
        serde_json::from_str(include_str!(
            "../../../crates/bench-report/tests/golden/redis-bench.observe-1.json"
        ))
        .unwrap()
    }

    #[test]
    fn a_real_result_is_shown_whole_and_fits_the_terminal() {
        let report = golden();
        assert_eq!(summary(&report.steps), report.summary);
        let shown = render(&report);
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line:?}");
        }
        for part in [
            "8.49 k/s commands, main thread busy 13.5 %, 78.7 % of reads hit",
            " eval                     1   283 ms",
            " info (this program)    190",
            "Slow calls",
            "Keys: 544/s expired",
            "Events: a snapshot for 306 ms",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("Not seen"), "{shown}");
    }

    #[test]
    fn the_registry_has_all_figures_of_a_real_result() {
        let report = golden();
        let server = report.steps[0].server.as_ref().unwrap();
        for name in server.figures.keys() {
            assert!(names::find(names::Place::Server, name).is_some(), "{name}");
        }
    }

    /// Names that the analyzer does not read, each with the program that shows it.
    const UNREAD: &str = include_str!("../../../bottleneck-analyzer/unread-names.txt");

    /// A figure that the list says is shown here is one without which the text would be another.
    #[test]
    fn each_figure_that_this_result_is_said_to_show_is_in_it() {
        let known: [FigureName; 6] = [
            redis::COMMANDS_PER_S,
            redis::MAIN_THREAD_BUSY_RATIO,
            redis::KEYSPACE_HIT_RATIO,
            redis::EXPIRED_KEYS_PER_S,
            redis::EVICTED_KEYS_PER_S,
            redis::NET_OUTPUT_BYTES_PER_S,
        ];
        let of = |name: FigureName, value: f64| {
            let mut report = golden();
            let server = report.steps[0].server.as_mut().unwrap();
            server.figure(name, value);
            report.summary = summary(&report.steps);
            render(&report)
        };
        for name in known {
            let line = format!("server\t{name}\tshown: in the result of redis-bench observe");
            assert!(UNREAD.lines().any(|known| known == line), "{line}");
            assert_ne!(of(name, 3.0), of(name, 7.0), "{name} is not shown");
        }
    }

    #[test]
    fn a_server_of_which_nothing_was_read_has_no_throughput_of_nought() {
        let away = ServerEvidence::unavailable("info", "no answer");
        assert_eq!(headline(&away), "throughput not known");
        let mut busy = ServerEvidence::default();
        for (name, value) in [
            (redis::INTERVAL_S, 2.0),
            (redis::COMMANDS_PER_S, 48_200.0),
            (redis::EVENTLOOP_COMMANDS_US, 0.5e6),
            (redis::IO_THREADS_ACTIVE, 1.0),
            (redis::MAXMEMORY_BYTES, 0.0),
            (redis::USED_MEMORY_BYTES, 2.0 * 1_048_576.0),
            (redis::CONNECTED_CLIENTS_MAX, 52.0),
            (redis::MAXCLIENTS, 10_000.0),
        ] {
            busy.figure(name, value);
        }
        assert_eq!(
            headline(&busy),
            "48.2 k/s commands, main thread busy at least 25.0 %, 52 of 10000 clients at most, \
             2.00 MiB of memory"
        );
    }

    /// The widest values that the tables can have, but for figures beyond any server.
    #[test]
    fn tables_fit_80_columns() {
        let long = "x".repeat(60);
        let mut server = ServerEvidence::default();
        let row = EvidenceRow::new(
            [
                (commands::COMMAND, long.clone()),
                (commands::WHOSE, "bench".to_owned()),
            ],
            [
                (commands::CALLS, 12_345_678.0),
                (commands::USEC, 59e6),
                (commands::LONGEST_US, 131_072.0),
                (commands::FAILED_CALLS, 123.0),
            ],
        );
        server.table(commands::TABLE, vec![row]);
        let row = EvidenceRow::new(
            [
                (clients::KIND, "slow reader".to_owned()),
                (clients::NAME, long.clone()),
                (clients::ADDRESS, long),
                (clients::COMMAND, "lrange".to_owned()),
            ],
            [(clients::CLIENTS, 1.0), (clients::OUTPUT_BYTES, 9e6)],
        );
        server.table(clients::TABLE, vec![row]);
        let mut text = String::new();
        used_commands(&mut text, &server);
        special_clients(&mut text, &server);
        let lines = text.lines();
        assert!(lines.clone().count() >= 6, "{text}");
        assert!(lines.clone().all(|l| l.chars().count() <= 80), "{text}");
    }
}
