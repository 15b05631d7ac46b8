//! Metrics of file systems: space, inodes, and whether they answer.

use host_metrics::source::filesystem::{FileSystemSample, FileSystemSpace};

use super::definition::metrics;

metrics! {
    /// Metrics of one mounted file system. Those of a file system without a fixed number of inodes
    /// lack the inodes.
    ALL: FileSystemSample {
        TOTAL = level("filesystem.total_bytes", Some("sysmon_filesystem_size_bytes"),
            "Size of the file system.", |f| Some(f.space?.total_bytes));
        AVAILABLE = level("filesystem.available_bytes", Some("sysmon_filesystem_available_bytes"),
            "Space that programs without privileges can still fill.",
            |f| Some(f.space?.available_bytes));
        USED_RATIO = gauge("filesystem.used_ratio", None,
            "Share of the space in use, as df computes it: used, divided by used and available.",
            |f| f.space.as_ref().and_then(FileSystemSpace::used_ratio)).titled("used");
        INODES = level("filesystem.inodes", Some("sysmon_filesystem_inodes"),
            "Inodes of the file system.", |f| f.space?.inodes);
        INODES_FREE = level("filesystem.inodes_free", Some("sysmon_filesystem_inodes_free"),
            "Inodes that are free.", |f| f.space?.inodes_free);
        INODES_USED_RATIO = gauge("filesystem.inodes_used_ratio", None,
            "Share of the inodes in use.",
            |f| f.space.as_ref().and_then(FileSystemSpace::inodes_used_ratio));
        SILENT = level("filesystem.silent_ns", Some("sysmon_filesystem_silent_nanoseconds"),
            "Time for which the file system has not answered; 0 while it answers.",
            |f| Some(f.silent_ns)).titled("not answering").hidden_if_zero();
    }
}
