//! Settings of the server that advice names: the present value, and what a change takes.

use super::evidence::PostgresEvidence;
use crate::assessment::EvidenceItem;
use crate::source_report::SourceReport;

/// Way in which a changed setting takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The server must be restarted.
    Restart,
    /// The server reads its configuration again (`pg_reload_conf()`).
    Reload,
    /// The setting can be set for a role, a database or a session; new sessions have it.
    Session,
}

use Change::{Reload, Restart, Session};

/// Settings that advice may name, in the order of their names, from `pg_settings.context` of version 18.
const KNOWN: [(&str, Change); 62] = [
    ("autovacuum_naptime", Reload),
    ("autovacuum_vacuum_cost_delay", Reload),
    ("autovacuum_vacuum_cost_limit", Reload),
    ("bgwriter_delay", Reload),
    ("bgwriter_lru_maxpages", Reload),
    ("checkpoint_completion_target", Reload),
    ("checkpoint_timeout", Reload),
    ("commit_delay", Session),
    ("commit_timestamp_buffers", Restart),
    ("deadlock_timeout", Session),
    ("default_toast_compression", Session),
    ("effective_cache_size", Session),
    ("effective_io_concurrency", Session),
    ("hash_mem_multiplier", Session),
    ("hot_standby_feedback", Reload),
    ("huge_pages", Restart),
    ("idle_in_transaction_session_timeout", Session),
    ("idle_session_timeout", Session),
    ("io_max_concurrency", Restart),
    ("io_method", Restart),
    ("io_workers", Reload),
    ("jit", Session),
    ("jit_above_cost", Session),
    ("lock_timeout", Session),
    ("log_lock_waits", Session),
    ("logical_decoding_work_mem", Session),
    ("maintenance_work_mem", Session),
    ("max_connections", Restart),
    ("max_locks_per_transaction", Restart),
    ("max_parallel_workers", Session),
    ("max_parallel_workers_per_gather", Session),
    ("max_pred_locks_per_transaction", Restart),
    ("max_slot_wal_keep_size", Reload),
    ("max_standby_streaming_delay", Reload),
    ("max_wal_size", Reload),
    ("max_worker_processes", Restart),
    ("min_wal_size", Reload),
    ("multixact_member_buffers", Restart),
    ("multixact_offset_buffers", Restart),
    ("notify_buffers", Restart),
    ("old_snapshot_threshold", Restart),
    ("pg_stat_statements.max", Restart),
    ("pg_stat_statements.track", Session),
    ("pg_stat_statements.track_planning", Session),
    ("plan_cache_mode", Session),
    ("random_page_cost", Session),
    ("serializable_buffers", Restart),
    ("shared_buffers", Restart),
    ("statement_timeout", Session),
    ("subtransaction_buffers", Restart),
    ("synchronize_seqscans", Session),
    ("synchronous_commit", Session),
    ("synchronous_standby_names", Reload),
    ("temp_file_limit", Session),
    ("track_functions", Session),
    ("track_io_timing", Session),
    ("track_wal_io_timing", Session),
    ("transaction_buffers", Restart),
    ("transaction_timeout", Session),
    ("wal_buffers", Restart),
    ("wal_compression", Session),
    ("work_mem", Session),
];

/// Settings whose values are microseconds without a unit.
const MICROSECONDS: [&str; 1] = ["commit_delay"];

/// Setting that a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Name of the setting, as in `max_wal_size`.
    pub(crate) name: &'static str,
    change: Change,
}

impl Setting {
    /// Returns true if a change needs a restart of the server.
    pub(crate) fn needs_restart(self) -> bool {
        self.change == Restart
    }

    /// Returns the value that the server had during the run, as in `1GB`, as evidence; `None` if the
    /// report does not have it.
    pub(crate) fn value(self, source: &SourceReport) -> Option<EvidenceItem> {
        let pointer = format!("/config/server_settings/{}", self.name);
        source.evidence(self.name, &pointer)
    }

    /// Returns the present value, if the report has it, and what a change takes: `max_wal_size is 1GB
    /// now; a reload is enough`, `work_mem is 4MB in a session of this tool; …`.
    pub(crate) fn present(self, source: &SourceReport) -> String {
        let change = match self.change {
            Restart => "a change needs a restart",
            Reload => "a reload is enough",
            Session => "ALTER ROLE … SET changes it for new sessions",
        };
        let now = match self.change {
            Restart | Reload => "now",
            // A role, a database or the application may have set another value for its own sessions.
            Session => "in a session of this tool",
        };
        let unit = if MICROSECONDS.contains(&self.name) {
            " µs"
        } else {
            ""
        };
        let value = self.value(source);
        match value.as_ref().and_then(|item| item.value.as_str()) {
            Some("") => format!("{} is empty {now}; {change}", self.name),
            Some(value) => format!("{} is {value}{unit} {now}; {change}", self.name),
            None => format!("{}: {change}", self.name),
        }
    }
}

/// Returns the settings that `text` names as words, in the order of their names.
pub(crate) fn named_settings(text: &str) -> Vec<Setting> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let words: Vec<&str> = text
        .split(|c| !is_part(c))
        .map(|word| word.trim_matches('.'))
        .collect();
    let named = KNOWN.iter().filter(|(name, _)| words.contains(name));
    named
        .map(|(name, change)| Setting {
            name,
            change: *change,
        })
        .collect()
}

impl PostgresEvidence<'_> {
    /// Returns the value of a setting of the server during the run, in the unit of the setting's text: a
    /// time in nanoseconds, a size in bytes, else the number. `None` if it is not in the report or no
    /// number.
    pub(crate) fn setting(&self, name: &str) -> Option<f64> {
        let settings = self.source.report.config.get("server_settings")?;
        amount(settings.get(name)?.as_str()?)
    }
}

/// Converts a setting's text to a number: `5min` to nanoseconds, `32MB` to bytes, `0.9` to itself.
fn amount(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "B" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "min" => 60e9,
        "h" => 3_600e9,
        "d" => 86_400e9,
        "kB" => 1024.0,
        "MB" => 1024.0 * 1024.0,
        "GB" => 1024.0 * 1024.0 * 1024.0,
        "TB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_settings_as_whole_words() {
        let named = |text| {
            let found = named_settings(text).into_iter();
            found.map(|setting| setting.name).collect::<Vec<_>>()
        };
        assert_eq!(
            named("raise max_wal_size, then checkpoint_timeout."),
            ["checkpoint_timeout", "max_wal_size"]
        );
        assert_eq!(named("wal_compression = lz4"), ["wal_compression"]);
        assert_eq!(
            named("pg_stat_statements.track_planning = on"),
            ["pg_stat_statements.track_planning"]
        );
        assert_eq!(
            named("ALTER TABLE t SET (autovacuum_vacuum_scale_factor = 0.02)"),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn a_setting_is_read_in_its_unit() {
        for (text, value) in [
            ("32MB", Some(33_554_432.0)),
            ("5min", Some(300e9)),
            ("1s", Some(1e9)),
            ("0.9", Some(0.9)),
            ("on", None),
        ] {
            assert_eq!(amount(text), value, "{text}");
        }
    }

    #[test]
    fn the_table_is_in_order_and_names_nothing_twice() {
        assert!(KNOWN.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
