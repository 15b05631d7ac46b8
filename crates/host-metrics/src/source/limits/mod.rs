//! Limits of the network: speed of links, packet queues of the CPUs, tracked connections, ephemeral
//! ports and UDP.

mod conntrack;
mod link;
mod port_use;
mod route;
mod softnet;

#[cfg_attr(not(target_os = "linux"), allow(unused_imports))]
pub(super) use conntrack::Conntrack;
pub use conntrack::ConntrackSample;
#[cfg_attr(not(target_os = "linux"), allow(unused_imports))]
pub(super) use link::LinkSpeeds;
pub use port_use::PortSample;
pub(super) use port_use::{parse_port_range, parse_port_use};
pub use route::{NoLinkSpeed, link_bytes_per_s};
pub use softnet::SoftnetCounters;
pub(super) use softnet::{SoftnetSample, parse_softnet};
