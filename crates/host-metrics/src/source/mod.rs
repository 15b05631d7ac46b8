//! Raw readings as the system provides them: counters and gauges, never rates.
//!
//! On Linux every figure is read directly from `/proc` and `/sys`, through files that stay open,
//! because opening is the expensive part. The kernel generates the content anew at each read from
//! offset 0. If a file is truncated or malformed, parsers leave out the affected figure and keep
//! the rest. The roots of `/proc` and `/sys` are parameters, so tests can use a made-up file tree.
//! On other systems readings come from the library sysinfo.
//!
//! A reading that failed is `None` in the [`HostSample`], with its reason in [`Gaps`].

pub mod cgroup;
pub mod cpu;
pub mod disk;
mod error;
mod gaps;
pub mod gpu;
mod kept_file;
pub mod kernel_limits;
pub(crate) mod load;
pub mod memory;
pub mod network;
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub mod open_file_limit;
mod options;
#[cfg(any(test, not(target_os = "linux")))]
pub mod portable;
pub mod pressure;
pub mod process;
#[cfg(target_os = "linux")]
mod procfs;
mod roots;
mod sample;
pub mod sensor;
pub mod tcp;
mod text;
mod timed;

pub use error::SourceError;
pub use gaps::Gaps;
pub use kept_file::KeptFile;
#[cfg(target_os = "linux")]
pub(crate) use kept_file::SlowFile;
pub use options::{SLOW_MAX_AGE_NS, SourceOptions};
#[cfg(not(target_os = "linux"))]
pub use portable::PortableSource as HostSource;
#[cfg(target_os = "linux")]
pub use procfs::ProcSource as HostSource;
pub use roots::{KernelUnits, Roots};
pub use sample::HostSample;
pub use timed::{ReadSpan, Timed};
