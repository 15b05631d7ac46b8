//! Warnings about the server of a step: its limits and counters that are not known, commands that its
//! user may not use, outages, and events that disturbed the step.

use bench_cli::table;
use bench_report::{Step, Warning, WarningCode};

use crate::clients::ClientKind;
use crate::evidence::{self, FAILED_OVER, RESTARTED};
use crate::server::failure::{AWAY_KINDS, TURNED_AWAY};
use crate::server::identity::ServerIdentity;

/// Returns a warning if limits of the server, `unchecked`, are not known, so that nothing kept the
/// run from exceeding them. `None` if all were checked.
pub(crate) fn unchecked_limits(identity: &ServerIdentity, unchecked: &[&str]) -> Option<Warning> {
    if unchecked.is_empty() {
        return None;
    }
    let why = match identity.denied.get("INFO") {
        Some(refusal) => format!("INFO is refused: {refusal}"),
        None => "INFO does not tell them".to_owned(),
    };
    let message = format!(
        "the limits of the server were not checked before the run: {} ({why})",
        unchecked.join(" and ")
    );
    Some(Warning::new(WarningCode::EvidenceMissing, message))
}

/// Returns a warning about the step at `index` if it used a pool, and the server refuses a command
/// by which the pool checks a connection: each checkout then opens a new connection.
fn denied_check(
    identity: Option<&ServerIdentity>,
    client: ClientKind,
    index: usize,
) -> Option<Warning> {
    if client != ClientKind::Pooled {
        return None;
    }
    let (command, refusal) = identity?.denied_pool_check()?;
    let may = if refusal.starts_with("NOPERM") {
        let rule = command.to_lowercase();
        format!("the user may not run {command} (ACL SETUSER … +{rule} permits it)")
    } else {
        format!("the server does not take {command}")
    };
    let message = format!(
        "{may}, so the pool's check of a connection fails and each checkout opens a new one: {refusal}"
    );
    Some(Warning::new(WarningCode::ServerDiffers, message).about_step(index, &["operations"]))
}

/// Returns the warnings about `step`, the step at `index`, which used `client` on the server with this
/// identity. `surplus` is that about counts of the server beyond those of the run, whose cause a
/// refused check of the pool explains.
pub(super) fn of_step(
    identity: Option<&ServerIdentity>,
    client: ClientKind,
    (step, index): (&Step, usize),
    surplus: Option<Warning>,
) -> Vec<Warning> {
    let doubts = [
        outage(identity, step, index),
        missing_evidence(step, index),
        denied_check(identity, client, index).or(surplus),
        disturbed(step, index),
    ];
    doubts.into_iter().flatten().collect()
}

/// Returns a warning if the server was restarted or replaced by another one during `step`, the step at `index`, or did not answer
/// at its end while requests failed or waited for it.
fn outage(identity: Option<&ServerIdentity>, step: &Step, index: usize) -> Option<Warning> {
    if identity?.denied.contains_key("INFO") {
        return None;
    }
    let why = step.server.as_ref()?.unavailable.get("info")?;
    let is_restart = why.ends_with(RESTARTED);
    let failover = why.strip_prefix(FAILED_OVER);
    let operations = step.operations.values();
    let errors = operations.flat_map(|operation| &operation.errors);
    let is_away = |kind: &str| AWAY_KINDS.contains(&kind);
    let failed: u64 = errors
        .filter(|(kind, _)| is_away(kind))
        .map(|(_, count)| count)
        .sum();
    let waiting = step.censored();
    if !is_restart && failover.is_none() && failed + waiting == 0 {
        return None;
    }
    let what = match failover {
        _ if is_restart => "was restarted during the step".to_owned(),
        Some(servers) => format!("failed over to another one during the step{servers}"),
        None if why.contains(TURNED_AWAY) => {
            format!("took no more clients when the step ended ({why})")
        }
        None => format!("was away when the step ended ({why})"),
    };
    let message = format!(
        "the server {what}: {} failed at a connection that it ended or did not take, {waiting} never \
         got an answer, and their times say nothing of the load",
        table::counted(failed, "request")
    );
    let fields = ["operations", "server", "figures"];
    Some(Warning::new(WarningCode::TargetAway, message).about_step(index, &fields))
}

/// Returns a warning if events at the server disturbed `step`, the step at `index`.
fn disturbed(step: &Step, index: usize) -> Option<Warning> {
    let events = evidence::disturbances(step);
    if events.is_empty() {
        return None;
    }
    let message = format!("the server was disturbed: {}", events.join("; "));
    Some(Warning::new(WarningCode::DisturbedServer, message).about_step(index, &["operations"]))
}

/// Returns a warning if nothing was read of the server during `step`, the step at `index`, or if
/// somebody reset its counters meanwhile. Other parts that the server does not provide are listed
/// in the evidence; they make none of its figures doubtful.
fn missing_evidence(step: &Step, index: usize) -> Option<Warning> {
    let unavailable = &step.server.as_ref()?.unavailable;
    let (told, field) = if let Some(why) = unavailable.get("info") {
        let told = format!("info of the server could not be read: {why}");
        (told, "server")
    } else {
        let why = unavailable.get("stats")?;
        let told = format!("the server's counters are left out: INFO stats {why}");
        (told, "server/unavailable/stats")
    };
    Some(Warning::new(WarningCode::EvidenceMissing, told).about_step(index, &[field]))
}

#[cfg(test)]
mod tests {
    use bench_report::{Operation, ServerEvidence};
    use test_support::empty_step;

    use super::*;

    fn denied(command: &'static str, refusal: &str) -> ServerIdentity {
        ServerIdentity {
            denied: [(command, refusal.to_owned())].into(),
            ..ServerIdentity::default()
        }
    }

    #[test]
    fn a_refused_check_is_a_doubt_of_the_pool_only() {
        let identity = denied("UNWATCH", "NOPERM User app has no permissions");
        let doubt = denied_check(Some(&identity), ClientKind::Pooled, 3).unwrap();
        assert!(doubt.message.contains("+unwatch"), "{}", doubt.message);
        assert!(doubt.spoils("/steps/3/operations/get/call"));
        let shared = denied_check(Some(&identity), ClientKind::Multiplexed, 3);
        assert_eq!(shared, None);
        let other = denied("INFO", "NOPERM User app has no permissions");
        assert_eq!(denied_check(Some(&other), ClientKind::Pooled, 0), None);
        let proxy = denied("PING", "ERR unknown command 'PING'");
        let doubt = denied_check(Some(&proxy), ClientKind::Pooled, 0).unwrap();
        assert!(!doubt.message.contains("ACL"), "{}", doubt.message);
    }

    /// A step in which `failed` requests failed with `kind`, and INFO could not be read because of
    /// `why`.
    fn step(why: &str, kind: &str, failed: u64) -> Step {
        let operation = Operation {
            errors: [(kind.to_owned(), failed)].into(),
            ..Operation::default()
        };
        Step {
            operations: [("get".to_owned(), operation)].into(),
            server: Some(ServerEvidence::unavailable("info", why)),
            ..empty_step("pool of 8")
        }
    }

    #[test]
    fn a_server_that_went_away_in_the_step_is_told_and_one_that_refuses_is_not() {
        let known = ServerIdentity::default();
        let told = |step: &Step| {
            let warning = outage(Some(&known), step, 2)?;
            assert_eq!(warning.code, WarningCode::TargetAway);
            assert!(warning.spoils("/steps/2/operations/get/call"));
            Some(warning.message)
        };
        let restart = told(&step(RESTARTED, "missing_key", 7)).unwrap();
        assert!(
            restart.contains("was restarted during the step"),
            "{restart}"
        );
        let over = format!("{FAILED_OVER} (a:1 → b:2)");
        let over = told(&step(&over, "refused", 7)).unwrap();
        assert!(
            over.contains("another one during the step (a:1 → b:2): 7 requests"),
            "{over}"
        );
        let gone = told(&step("connection refused", "refused", 7)).unwrap();
        assert!(gone.contains("(connection refused): 7 requests"), "{gone}");
        let full = "ERR max number of clients reached";
        let full = told(&step(full, "closed", 7)).unwrap();
        assert!(
            full.starts_with("the server took no more clients"),
            "{full}"
        );
        assert_eq!(told(&step("no answer", "response.OOM", 7)), None);
        let refusing = denied("INFO", "NOPERM");
        let step = step("NOPERM", "refused", 7);
        assert_eq!(outage(Some(&refusing), &step, 2), None);
    }

    #[test]
    fn limits_that_are_not_known_are_named_with_the_reason() {
        let identity = denied("INFO", "NOPERM User app has no permissions");
        assert_eq!(unchecked_limits(&identity, &[]), None);
        let told = unchecked_limits(&identity, &["maxclients", "memory"]).unwrap();
        assert!(
            told.message
                .contains("maxclients and memory (INFO is refused: NOPERM"),
            "{}",
            told.message
        );
    }
}
