//! Bytes per second between load and server, as the limit of the throughput.

use bench_cli::table;
use bench_report::Step;
use bench_report::names::redis;
use statistics::mean;

use crate::evidence::LINK;

/// Smallest share of a link's speed that the payload takes at its limit. Headers take 6 % of an Ethernet
/// frame of 1,538 bytes, so it cannot take all.
const LINK_FULL: f64 = 0.9;
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
