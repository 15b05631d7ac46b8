//! Control groups of versions 1 and 2: use, limits and throttling. In a container the limits of its
//! group matter, not the size of the host.
//!
//! A limit of a parent also applies to its children, so the lowest limit up to the root is used. A
//! group is one directory in version 2, and one directory per controller in version 1.
//!
//! Groups may appear and disappear. A group that is created later is found then. If a group is
//! removed and created again, it is a new group whose counters begin anew (`tracked_cgroup`).

mod directories;
mod files;
mod parse;
mod pattern;
mod pids;
mod quota;
mod reader;
mod sample;
mod tracked_cgroup;

pub use quota::{QuotaUse, quota_use};
pub(super) use reader::CgroupReader;
pub use sample::{
    CgroupCpu, CgroupIo, CgroupMemory, CgroupPids, CgroupSample, MemoryEvents, Throttling,
};
pub(super) use tracked_cgroup::name_of;
