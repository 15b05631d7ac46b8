//! Tests of programs outside the run that keep the disks busy.

use crate::assessment::FindingKind;

use super::causes::ruled_out;
use super::common::server::Server;
use super::common::{Plant, Recorded};
use super::{assess, assess_reports, finding, is_unknown, named};

fn flat(name: &'static str, value: f64) -> Recorded {
    Recorded::flat(name, &[], value)
}

#[test]
fn a_program_that_keeps_the_disks_busy_is_named_with_its_group() {
    const BACKUP: [(&str, &str); 3] =
        [("cgroup", "backup.slice"), ("name", "rsync"), ("pid", "77")];
    let writes = |per_s: f64, waits: f64| Plant {
        recorded: vec![
            flat("pressure.io.some_ratio", waits),
            Recorded::flat("disk.write_bytes_per_s", &[("device", "vda")], 1e8),
            Recorded::flat("process.disk_write_bytes_per_s", &BACKUP, per_s),
        ],
        ..Plant::default()
    };
    let assessment = assess(&writes(8e7, 0.4));
    assert_eq!(named(&assessment), ["disk_others"]);
    let title =
        "rsync (process 77, control group backup.slice) keeps the disks busy: it writes 76.3 MiB/s";
    let found = finding(&assessment, "disk_others").unwrap();
    assert_eq!(found.kind, FindingKind::Problem);
    assert_eq!(found.title, title);
    assert!(
        ruled_out(&assess(&writes(1e7, 0.4)), "disk_others"),
        "the run's own writes"
    );
    assert!(
        ruled_out(&assess(&writes(8e7, 0.02)), "disk_others"),
        "nobody waits"
    );
    let unknown = Plant {
        unrecorded: vec!["process.disk_write_bytes_per_s"],
        ..writes(8e7, 0.4)
    };
    assert!(is_unknown(&assess(&unknown), "disk_others"));
}

/// A commit waits for the disk, which a program outside the run keeps busy: the finding about the commits
/// names the program, and its time is counted once.
#[test]
fn commits_that_wait_behind_a_program_on_the_same_disk_name_it() {
    let server = Server {
        waits: vec![("IO.WALSync", 0.8)],
        service_ns: 2e7,
        ..Server::default()
    };
    let beside = |per_s: f64| {
        let recorder = Plant {
            cpu: server.cpu,
            recorded: vec![
                flat("pressure.io.some_ratio", 0.9),
                Recorded::flat("disk.write_bytes_per_s", &[("device", "vda")], 1e8),
                Recorded::flat(
                    "process.disk_write_bytes_per_s",
                    &[("name", "backup-writer"), ("pid", "77")],
                    per_s,
                ),
            ],
            ..Plant::default()
        };
        assess_reports(&[server.run()[0].clone(), recorder.sysmon()])
    };
    let assessment = beside(9.5e7);
    assert_eq!(named(&assessment), ["commit_waits"]);
    let commits = finding(&assessment, "commit_waits").unwrap();
    let thing = commits.thing.as_deref().unwrap();
    assert!(
        thing.ends_with("beside backup-writer on the machine's disks"),
        "{thing}"
    );
    for words in [
        "backup-writer (process 77) takes no part",
        "writes 90.6 MiB/s",
        "95 % of the disks' bytes",
    ] {
        assert!(
            commits.detail.contains(words),
            "{words}: {}",
            commits.detail
        );
    }
    let first = &commits.advice.as_ref().unwrap().actions[0];
    assert!(first.starts_with("stop backup-writer"), "{first}");
    let disk = finding(&assessment, "disk_others").unwrap();
    assert_eq!(disk.kind, FindingKind::Information);
    assert_eq!(disk.parent.as_ref(), Some(&commits.id));
    // The same commits without it: nobody else is named.
    let alone = beside(1e6);
    let commits = finding(&alone, "commit_waits").unwrap();
    assert!(
        !commits.detail.contains("backup-writer"),
        "{}",
        commits.detail
    );
}
