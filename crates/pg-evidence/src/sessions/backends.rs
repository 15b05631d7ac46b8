//! Activity of all processes of the server other than the load's own sessions: the load's parallel
//! workers, background processes, and other applications.

use bench_report::ServerEvidence;
use bench_report::names::postgres;
use bench_report::names::postgres_tables::backends;

use crate::sessions::scope::Scope;
use crate::sessions::session::SessionGroup;
use crate::sessions::session_seconds::SessionSeconds;

/// Activity of all processes other than the client sessions in scope, as sums over the samples of a
/// measured part.
#[derive(Debug)]
pub(crate) struct OtherBackends {
    scope: Scope,
    name: String,
    /// Session-seconds of the load's parallel workers, by wait event.
    parallel: SessionSeconds<String>,
    /// Session-seconds of processes that are not idle, by backend type, application and wait event.
    all: SessionSeconds<[String; 3]>,
    has_hidden: bool,
}

impl OtherBackends {
    /// Creates empty sums over all processes except the client sessions in `scope`, for the run
    /// `name`.
    pub(crate) fn new(scope: Scope, name: &str) -> Self {
        Self {
            scope,
            name: name.to_owned(),
            parallel: SessionSeconds::default(),
            all: SessionSeconds::default(),
            has_hidden: false,
        }
    }

    /// Adds a group of sessions of one sample, which counts for `session_seconds`: its size times
    /// the seconds since the previous sample.
    pub(crate) fn add(&mut self, group: &SessionGroup, session_seconds: f64) {
        let is_hidden = group.is_of_clients() && group.state.is_none();
        let Some(backend_type) = group.backend_type.as_ref().filter(|_| !is_hidden) else {
            self.has_hidden = true;
            return;
        };
        let event = group.event_name();
        if group.is_of_workers() && self.scope.is_load(&group.application) && !event.is_empty() {
            self.parallel.add(event, session_seconds);
        }
        if !group.is_idle() {
            let application = self.scope.label(&group.application, &self.name);
            let key = [backend_type.clone(), application, group.doing()];
            self.all.add(key, session_seconds);
        }
    }

    /// Writes means over `seconds`, the sampled time, into `evidence`. If some processes were
    /// hidden, also records the reason.
    pub(crate) fn report(&self, seconds: f64, evidence: &mut ServerEvidence) {
        if self.has_hidden {
            let reason = "this role may not see what background processes and other roles do; \
                          grant it pg_read_all_stats";
            evidence
                .unavailable
                .insert("backends".to_owned(), reason.to_owned());
        }
        for (event, mean) in self.parallel.means(seconds) {
            evidence.member(postgres::PARALLEL_WAITS, event, mean);
        }
        let labels = [
            backends::BACKEND_TYPE,
            backends::APPLICATION,
            backends::EVENT,
        ];
        let rows = self.all.rows(labels, backends::SESSIONS_MEAN, seconds);
        evidence.table(backends::TABLE, rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::session::tests::session;

    #[test]
    fn others_are_told_by_type_and_application_and_workers_of_the_load_apart() {
        let mut backends = OtherBackends::new(Scope::Application("load".to_owned()), "load");
        let of = |backend_type: &str, application: &str, event| SessionGroup {
            backend_type: Some(backend_type.to_owned()),
            application: application.to_owned(),
            ..session(Some("active"), Some(event))
        };
        for group in [
            of("parallel worker", "load", ("IO", "DataFileRead")),
            of("client backend", "report", ("IO", "DataFileRead")),
            of("autovacuum worker", "", ("Timeout", "VacuumDelay")),
            of("client backend", "load.watch", ("Lock", "relation")),
        ] {
            backends.add(&group, 2.0);
        }
        backends.add(&session(Some("idle"), Some(("Client", "ClientRead"))), 2.0);
        let mut evidence = ServerEvidence::default();
        backends.report(2.0, &mut evidence);
        let figures = &evidence.figures;
        assert_eq!(figures["waits.parallel.IO.DataFileRead_mean"], 1.0);
        let label = |name: &'static str| {
            let rows = evidence.tables["backends"].iter();
            rows.map(|row| row.labels[name].clone()).collect::<Vec<_>>()
        };
        assert_eq!(label("application"), ["", "report", "watch", "ours"]);
        assert_eq!(label("event")[0], "Timeout.VacuumDelay");
        assert!(!evidence.unavailable.contains_key("backends"));
    }

    #[test]
    fn what_is_hidden_is_no_session_on_a_cpu() {
        let mut backends = OtherBackends::new(Scope::Application("load".to_owned()), "load");
        backends.add(&session(None, None), 1.0);
        let mut evidence = ServerEvidence::default();
        backends.report(1.0, &mut evidence);
        assert!(evidence.tables["backends"].is_empty());
        assert!(evidence.unavailable["backends"].contains("pg_read_all_stats"));
    }
}
