//! Connections of several instances of an application: the pool of one instance times the number of
//! instances, compared with the narrowest of the limits of server, role and database. Also the classic
//! formula for pool sizes.

use bench_report::names::postgres_tables::connection_limits;
use bench_report::names::{postgres, summaries};
use bench_report::{EvidenceRow, Report, ServerEvidence, Summary};

/// Connections that the server has for all instances together.
struct FleetRoom {
    free: f64,
    /// Limit that leaves no more, as in `max_connections`.
    limit: String,
    /// Limit with its figures, as in `max_connections 100 less 3 reserved`.
    words: String,
}

/// Returns the room under the narrowest limit, as the first step that has them recorded the limits;
/// `None` if no step has.
fn room(report: &Report) -> Option<FleetRoom> {
    let mut servers = report.steps.iter().filter_map(|step| step.server.as_ref());
    servers.find_map(narrowest)
}

fn narrowest(server: &ServerEvidence) -> Option<FleetRoom> {
    let limit = server.value(postgres::CONNECTIONS_LIMIT)?;
    let reserved = server.value(postgres::CONNECTIONS_RESERVED)?;
    let of_server = FleetRoom {
        free: limit - reserved,
        limit: "max_connections".to_owned(),
        words: format!("max_connections {limit} less {reserved} reserved"),
    };
    let rows = server.rows(connection_limits::TABLE).unwrap_or_default();
    let others = rows.iter().filter_map(of_role_or_database);
    let all = std::iter::once(of_server).chain(others);
    all.min_by(|a, b| a.free.total_cmp(&b.free))
}

fn of_role_or_database(row: &EvidenceRow) -> Option<FleetRoom> {
    let (kind, name) = (
        row.label(connection_limits::KIND)?,
        row.label(connection_limits::NAME)?,
    );
    let limit = format!("the limit of {kind} \"{name}\"");
    Some(FleetRoom {
        free: row.value(connection_limits::LIMIT)?,
        words: limit.clone(),
        limit,
    })
}

/// Adds the connections that all `instances` need together to the figures of `summary`, for each
/// recommendation, and the number that the server has for them. Does nothing without `instances`.
pub(super) fn figures(report: &Report, instances: Option<u64>, summary: &mut Summary) {
    let Some(instances) = instances else { return };
    for recommendation in summary.recommendations.clone() {
        let (Some(value), subject) = (recommendation.value, recommendation.subject) else {
            continue;
        };
        let all = value * instances as f64;
        summary.member(summaries::FLEET_CONNECTIONS, subject, all);
    }
    if let Some(room) = room(report) {
        summary.figure(summaries::FLEET_CONNECTIONS_AVAILABLE, room.free);
    }
}

/// Returns a sentence about the connections that `instances` with a pool of `size` each need
/// together, compared with those that the server has.
pub(super) fn sentence(report: &Report, instances: u64, size: f64) -> String {
    let wanted = size * instances as f64;
    let fleet = format!("{instances} instances × {size} = {wanted} connections");
    let Some(FleetRoom { free, limit, words }) = room(report) else {
        return format!("{fleet}; max_connections could not be read");
    };
    let room = format!("{free} ({words})");
    if wanted <= free {
        format!("{fleet} of {room}: fits")
    } else {
        let most = (free / size).floor();
        format!(
            "{fleet}, more than {room}: at most {most} such instances fit; raise {limit}, share \
             connections through a pooler, or take fewer each"
        )
    }
}

/// Returns a sentence with the result of the formula `cores × 2 + spindles`, with one spindle, or
/// with the reason why it cannot be computed if the server is not on this machine.
pub(super) fn classic(report: &Report) -> String {
    let here = report.steps.iter().any(|step| {
        let server = step.server.as_ref();
        server.is_some_and(|server| server.figures.contains_key("server.cpu_ns"))
    });
    let cores = report
        .environment
        .cores_available
        .or(report.environment.cores);
    match cores.filter(|_| here) {
        Some(cores) => format!(
            "the formula cores × 2 + spindles says {} ({cores} cores, 1 spindle); it knows neither \
             the workload nor how long a request holds its connection",
            cores * 2 + 1
        ),
        None => "the formula cores × 2 + spindles takes the server's cores, which cannot be seen \
                 from here"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::{report, step};

    fn on_a_server(limit: f64) -> Report {
        let mut one = step(8, 0, 100.0);
        let mut server = ServerEvidence::default();
        server.figure(postgres::CONNECTIONS_LIMIT, limit);
        server.figure(postgres::CONNECTIONS_RESERVED, 3.0);
        server.figure(postgres::SERVER_CPU_NS, 1.0);
        one.server = Some(server);
        report(vec![one])
    }

    #[test]
    fn a_fleet_fits_or_is_told_how_much_of_it_would() {
        let fits = sentence(&on_a_server(100.0), 3, 8.0);
        assert!(
            fits.contains("24 connections of 97") && fits.ends_with("fits"),
            "{fits}"
        );
        let bursts = sentence(&on_a_server(100.0), 20, 8.0);
        assert!(bursts.contains("at most 12 such instances"), "{bursts}");
        let unknown = sentence(&report(Vec::new()), 2, 8.0);
        assert!(unknown.contains("could not be read"), "{unknown}");
    }

    /// The limit of the role is far below that of the server, and that of the database above it.
    #[test]
    fn a_fleet_is_held_against_the_narrowest_limit() {
        let limit = |kind: &str, name: &str, limit: f64| {
            EvidenceRow::new(
                [
                    (connection_limits::KIND, kind.to_owned()),
                    (connection_limits::NAME, name.to_owned()),
                ],
                [(connection_limits::LIMIT, limit)],
            )
        };
        let mut limited = on_a_server(100.0);
        let server = limited.steps[0].server.as_mut().unwrap();
        let limits = vec![limit("role", "app", 20.0), limit("database", "shop", 500.0)];
        server.table(connection_limits::TABLE, limits);
        let fits = sentence(&limited, 2, 8.0);
        let told = "16 connections of 20 (the limit of role \"app\"): fits";
        assert!(fits.contains(told), "{fits}");
        let bursts = sentence(&limited, 3, 8.0);
        for word in ["at most 2 such", "raise the limit of role \"app\""] {
            assert!(bursts.contains(word), "{bursts}");
        }
    }

    #[test]
    fn the_formula_is_applied_only_to_cores_that_are_the_servers() {
        let mut near = on_a_server(100.0);
        near.environment.cores_available = Some(4);
        assert!(classic(&near).contains("says 9 (4 cores"));
        near.steps.clear();
        assert!(classic(&near).contains("cannot be seen"));
    }
}
