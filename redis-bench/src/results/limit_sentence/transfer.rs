//! Bytes per second between load and server, as the limit of the throughput.

use bench_cli::table;
use bench_report::names::redis::{self, settings};
use bench_report::{CheckoutParts, Step};
use statistics::mean;

use super::{ServerThread, THREAD_IDLE, full_generator, starved_generator};
use crate::evidence::LINK;
use crate::results::group::ClientGroup;

/// Smallest share of a link's speed that the payload takes at its limit. Headers take 6 % of an Ethernet
/// frame of 1,538 bytes, so it cannot take all.
const LINK_FULL: f64 = 0.9;
/// Smallest factor between two numbers of connections that are compared.
const MORE_CONNECTIONS: f64 = 1.5;
/// Largest difference of bytes per second that did not change, as a share.
const FLAT: f64 = 0.05;
/// Smallest factor by which a request took longer on its connection where the link was full.
const SLOWER: f64 = 1.3;
/// Smallest number of bytes per request that fills several packets, so that the number of packets is no other limit
/// than that of bytes.
const LARGE_BYTES: f64 = 4_096.0;

/// Bytes that passed in one direction, as means over steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Transfer {
    sent_per_s: f64,
    /// Bytes per second of the direction with more of them.
    most_per_s: f64,
    /// Speed of the link in bytes per second and direction; `None` if it is not known in each step.
    link_per_s: Option<f64>,
    /// Reason for which the speed is not known, if it is told.
    reason: Option<String>,
}

impl Transfer {
    /// Returns the bytes of `steps`; `None` unless they were counted in each of them.
    pub(super) fn of(steps: &[&Step]) -> Option<Self> {
        let of_step = |step: &&Step| {
            let server = step.server.as_ref()?;
            let seconds = server.value(redis::INTERVAL_S).filter(|s| *s > 0.0)?;
            let sent = server.value(redis::NET_OUTPUT_BYTES)? / seconds;
            let received = server
                .value(redis::NET_INPUT_BYTES)
                .map_or(0.0, |n| n / seconds);
            Some((sent, sent.max(received)))
        };
        let bytes: Vec<(f64, f64)> = steps.iter().map(of_step).collect::<Option<_>>()?;
        let (sent, most): (Vec<f64>, Vec<f64>) = bytes.into_iter().unzip();
        let server = |step: &&Step| step.server.as_ref()?.value(redis::LINK_BYTES_PER_S);
        let links: Option<Vec<f64>> = steps.iter().map(server).collect();
        let reason = steps.iter().find_map(|step| {
            let unavailable = &step.server.as_ref()?.unavailable;
            unavailable.get(LINK).cloned()
        });
        Some(Self {
            sent_per_s: mean(&sent)?,
            most_per_s: mean(&most)?,
            link_per_s: links.and_then(|links| links.into_iter().reduce(f64::max)),
            reason,
        })
    }

    /// Returns what was carried of what the link carries, if that is nearly all.
    pub(super) fn full_link(&self) -> Option<String> {
        let link = self.link_per_s?;
        let used = self.most_per_s / link;
        (used >= LINK_FULL).then(|| {
            let (carried, link) = (rate(self.most_per_s), rate(link));
            format!(
                "{carried} of the {link} of the link, {}",
                table::ratio(used)
            )
        })
    }

    /// Returns what the server sent, and over which link.
    pub(super) fn told(&self) -> String {
        let sent = rate(self.sent_per_s);
        match (self.link_per_s, &self.reason) {
            (Some(link), _) => format!("it sent {sent} over a link of {}", rate(link)),
            (None, Some(reason)) => {
                format!("it sent {sent} over a network of unknown speed ({reason})")
            }
            (None, None) => format!("it sent {sent} over a network of unknown speed"),
        }
    }
}

fn rate(bytes_per_s: f64) -> String {
    format!("{}/s", table::bytes(bytes_per_s as u64))
}

/// Returns the comparison with another of `groups` that differs from `group` by its number of connections
/// alone and carried as many bytes per second, while a request took longer on its connection, and Redis's
/// thread and the generator had time left. `None` if there is none.
pub(super) fn flat(group: &ClientGroup<'_>, groups: &[ClientGroup<'_>]) -> Option<String> {
    let others = groups.iter().filter(|other| {
        other.client == group.client && other.variant == group.variant && other.count != group.count
    });
    others.into_iter().find_map(|other| {
        if group.count < other.count {
            compared(group, other)
        } else {
            compared(other, group)
        }
    })
}

/// Compares `few` connections with `many`, as for [`flat`].
fn compared(few: &ClientGroup<'_>, many: &ClientGroup<'_>) -> Option<String> {
    let ((few_carried, few_ns), (many_carried, many_ns)) = (carried(few)?, carried(many)?);
    let is_more = many.count as f64 >= MORE_CONNECTIONS * few.count as f64;
    let is_flat = (many_carried / few_carried - 1.0).abs() <= FLAT;
    let slower = many_ns / few_ns;
    if !is_more || !is_flat || slower < SLOWER {
        return None;
    }
    let (few_rate, many_rate) = (rate(few_carried), rate(many_carried));
    let (few, many) = (few.name(), many.name());
    Some(format!(
        "{few} and {many} carried {few_rate} and {many_rate}, with more connections a request took \
         {slower:.1} times as long, and Redis's thread and the generator had time left"
    ))
}

/// Returns the bytes per second that a group carried and the mean time of a request on its connection in
/// nanoseconds. `None` if they are not known, if requests were small, or if something else may have been full:
/// Redis's thread, the disk that it waits for, or the generator.
fn carried(group: &ClientGroup<'_>) -> Option<(f64, f64)> {
    let steps: Vec<&Step> = group.completed().collect();
    let carried = Transfer::of(&steps)?.most_per_s;
    let requests = mean(&group.throughputs())?;
    let has_time = ServerThread::of(&steps)?.is_idle()
        && full_generator(&steps).is_none()
        && starved_generator(&steps, THREAD_IDLE).is_none();
    let is_large = carried >= LARGE_BYTES * requests;
    let waits_for_disk = !steps.iter().all(|step| writes_at_leisure(step));
    let service_ns = mean_service_ns(&steps)?;
    (has_time && is_large && !waits_for_disk).then_some((carried, service_ns))
}

/// Returns true if Redis's thread certainly did not wait for the disk at each write.
fn writes_at_leisure(step: &Step) -> bool {
    let Some(server) = &step.server else {
        return false;
    };
    let mut rows = server.rows(settings::TABLE).unwrap_or_default().iter();
    let setting = rows.find(|row| row.label(settings::SETTING) == Some("appendfsync"));
    let flushes = setting.and_then(|row| row.label(settings::VALUE));
    server.value(redis::AOF_ENABLED) == Some(0.0) || flushes.is_some_and(|when| when != "always")
}

/// Returns the mean time of a request on its connection over all operations of `steps`, without the wait
/// for a connection of a pool, in nanoseconds.
fn mean_service_ns(steps: &[&Step]) -> Option<f64> {
    let operations = steps.iter().flat_map(|step| step.operations.values());
    // Of a closed loop the call is told alone, which has no wait for its turn.
    let services =
        operations.filter_map(|operation| operation.service.as_ref().or(operation.call.as_ref()));
    let (sum, count) = services.fold((0.0, 0.0), |(sum, count), service| {
        let requests = service.count as f64;
        (sum + service.mean_ns * requests, count + requests)
    });
    let parts = steps
        .iter()
        .filter_map(|step| step.pool.as_ref()?.checkout.as_ref());
    let wait_ns = CheckoutParts::merged(parts).map_or(0.0, |parts| parts.wait_mean_ns);
    (count > 0.0 && sum / count > wait_ns).then(|| sum / count - wait_ns)
}
