//! Control groups of versions 1 and 2: use, limits, and throttling. Inside a container the limits of
//! its group count, not the size of the host.
//!
//! A limit of a parent binds its children, so the tightest on the way to the root counts. A group is
//! one directory in version 2, and one under each controller in version 1.
//!
//! Groups come and go: one that is created late is found then, and one that was removed and created
//! again is another group, whose counters begin anew (`tracked_cgroup`).

mod directories;
mod files;
mod parse;
mod quota;
mod reader;
mod sample;
mod tracked_cgroup;

pub use quota::{QuotaError, QuotaGroup, QuotaUse};
pub(super) use reader::CgroupReader;
pub use sample::{CgroupCpu, CgroupIo, CgroupMemory, CgroupSample, MemoryEvents, Throttling};
