//! Work of the server's background processes, as spans of time: checkpoints, and autovacuum with its
//! table. A call in such a span can be compared with a call outside.

use std::collections::BTreeMap;

use bench_report::names::postgres_tables::background_work;
use bench_report::{EvidenceRow, ServerEvidence};

use crate::sessions::session::SessionGroup;

/// Largest number of spans in the table.
const MOST_ROWS: usize = 200;
/// Start of the statement that an autovacuum worker shows.
const PREFIX: &str = "autovacuum: ";

/// Process at work, and the work: `autovacuum worker` and `VACUUM public.orders`.
type Work = (String, String);

/// Spans in which background processes worked, from the samples of a measured part.
#[derive(Debug, Default)]
pub(crate) struct BackgroundWork {
    /// Work that the last sample saw, with the beginning of its span.
    open: BTreeMap<Work, u64>,
    /// Spans that have ended, each with its work, begin and end.
    spans: Vec<(Work, u64, u64)>,
}

impl BackgroundWork {
    /// Adds a sample, which stands for the time since `since_ns`, on the monotonic clock. Work that the
    /// sample does not see ended then.
    pub(crate) fn add(&mut self, look: &[SessionGroup], since_ns: u64) {
        let seen: Vec<Work> = look.iter().filter_map(work_of).collect();
        for work in &seen {
            self.open.entry(work.clone()).or_insert(since_ns);
        }
        let ended: Vec<Work> = self
            .open
            .keys()
            .filter(|work| !seen.contains(work))
            .cloned()
            .collect();
        for work in ended {
            if let Some(begin_ns) = self.open.remove(&work) {
                self.spans.push((work, begin_ns, since_ns));
            }
        }
    }

    /// Writes the spans, in order of time, into `evidence`; work that goes on ends with the last sample,
    /// at `end_ns`.
    pub(crate) fn report(mut self, end_ns: u64, evidence: &mut ServerEvidence) {
        let going_on = std::mem::take(&mut self.open).into_iter();
        self.spans
            .extend(going_on.map(|(work, begin_ns)| (work, begin_ns, end_ns)));
        self.spans.sort_by_key(|(_, begin_ns, _)| *begin_ns);
        if self.spans.len() > MOST_ROWS {
            let reason = format!(
                "background processes worked {} times; the first {MOST_ROWS} are listed",
                self.spans.len()
            );
            evidence
                .unavailable
                .insert(format!("{}.rest", background_work::TABLE), reason);
        }
        let row = |((process, work), begin_ns, end_ns): (Work, u64, u64)| {
            EvidenceRow::new(
                [
                    (background_work::PROCESS, process),
                    (background_work::WORK, work),
                ],
                [
                    (background_work::BEGIN_NS, begin_ns as f64),
                    (background_work::END_NS, end_ns as f64),
                ],
            )
        };
        let rows = self.spans.into_iter().take(MOST_ROWS).map(row).collect();
        evidence.table(background_work::TABLE, rows);
    }
}

/// Returns the work of a group of processes; `None` if it is neither a checkpoint nor an autovacuum. A
/// checkpointer without a checkpoint waits in its main loop, which is not sampled.
fn work_of(group: &SessionGroup) -> Option<Work> {
    let process = group.backend_type.clone()?;
    let work = match process.as_str() {
        "checkpointer" => "checkpoint".to_owned(),
        "autovacuum worker" => {
            let statement = group.statement.as_deref().unwrap_or_default();
            let work = statement.strip_prefix(PREFIX).unwrap_or("autovacuum");
            work.to_owned()
        }
        _ => return None,
    };
    Some((process, work))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, statement: Option<&str>) -> SessionGroup {
        SessionGroup {
            backend_type: Some(name.to_owned()),
            statement: statement.map(str::to_owned),
            count: 1,
            ..SessionGroup::default()
        }
    }

    fn spans(work: BackgroundWork, end_ns: u64) -> Vec<(String, f64, f64)> {
        let mut evidence = ServerEvidence::default();
        work.report(end_ns, &mut evidence);
        let rows = evidence.tables["background_work"].iter();
        rows.map(|row| {
            let figure = |name| row.figures[name];
            (
                row.labels["work"].clone(),
                figure("begin_ns"),
                figure("end_ns"),
            )
        })
        .collect()
    }

    #[test]
    fn a_checkpoint_is_a_span_and_one_that_goes_on_ends_with_the_last_sample() {
        let mut work = BackgroundWork::default();
        let (idle, busy) = (vec![], vec![process("checkpointer", None)]);
        for (look, at) in [
            (&idle, 10),
            (&busy, 20),
            (&busy, 30),
            (&idle, 40),
            (&busy, 50),
        ] {
            work.add(look, at - 10);
        }
        let checkpoint = |begin, end| ("checkpoint".to_owned(), begin, end);
        assert_eq!(
            spans(work, 50),
            [checkpoint(10.0, 30.0), checkpoint(40.0, 50.0)]
        );
    }

    #[test]
    fn autovacuum_is_told_with_its_table_and_other_processes_are_left_out() {
        let mut work = BackgroundWork::default();
        let vacuum = "autovacuum: VACUUM ANALYZE public.orders (to prevent wraparound)";
        let look = [
            process("autovacuum worker", Some(vacuum)),
            process("autovacuum worker", None),
            process("client backend", Some("VACUUM orders")),
            process("walwriter", None),
        ];
        work.add(&look, 0);
        let told: Vec<String> = spans(work, 10).into_iter().map(|(w, _, _)| w).collect();
        let named = "VACUUM ANALYZE public.orders (to prevent wraparound)";
        assert_eq!(told, [named, "autovacuum"]);
    }

    #[test]
    fn spans_beyond_the_most_are_counted_in_the_reason() {
        let mut work = BackgroundWork::default();
        for at in 0..500 {
            let look = [process("checkpointer", None)];
            work.add(if at % 2 == 0 { &look } else { &[] }, at);
        }
        let mut evidence = ServerEvidence::default();
        work.report(500, &mut evidence);
        assert_eq!(evidence.tables["background_work"].len(), MOST_ROWS);
        assert!(evidence.unavailable["background_work.rest"].contains("250"));
    }
}
