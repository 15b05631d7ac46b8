//! Tests of the file systems: which one is full, runs out of inodes, or hangs.

use crate::assessment::{Assessment, FindingKind};

use super::causes::ruled_out;
use super::common::{Plant, Recorded};
use super::{assess, finding, is_unknown, named};

const DATA: [(&str, &str); 2] = [("mount", "/var/lib/postgresql"), ("type", "xfs")];

fn planted(recorded: Vec<Recorded>) -> Assessment {
    assess(&Plant {
        recorded,
        ..Plant::default()
    })
}

fn without(series: &'static str) -> Assessment {
    assess(&Plant {
        unrecorded: vec![series],
        ..Plant::default()
    })
}

#[test]
fn a_full_file_system_is_named_by_its_mount_with_what_is_left() {
    let used = |ratio| {
        planted(vec![
            Recorded::flat("filesystem.used_ratio", &DATA, ratio),
            Recorded::flat("filesystem.available_bytes", &DATA, 2_147_483_648.0),
        ])
    };
    let assessment = used(0.985);
    assert_eq!(named(&assessment), ["file_system_full"]);
    let found = finding(&assessment, "file_system_full").unwrap();
    let title = "The file system /var/lib/postgresql is nearly full: 99 % used";
    assert_eq!(found.title, title);
    assert!(found.detail.contains("2.00 GiB left"), "{}", found.detail);
    // Nine tenths are a note, no problem: nothing fails yet.
    let assessment = used(0.92);
    assert!(named(&assessment).is_empty());
    let note = finding(&assessment, "file_system_full").unwrap();
    assert_eq!(note.kind, FindingKind::Information);

    let assessment = used(0.85);
    assert!(finding(&assessment, "file_system_full").is_none());
    assert!(ruled_out(&assessment, "file_system_full"));
    assert!(is_unknown(
        &without("filesystem.used_ratio"),
        "file_system_full"
    ));
}

#[test]
fn a_file_system_that_would_fill_in_a_run_of_this_length_is_a_problem() {
    // 100 s at 10 MB/s.
    let filling = |left: f64| {
        planted(vec![
            Recorded::flat("filesystem.used_ratio", &DATA, 0.6),
            Recorded::rising("filesystem.available_bytes", &DATA, left + 1e9, left),
        ])
    };
    let assessment = filling(5e8);
    assert_eq!(named(&assessment), ["file_system_full"]);
    let found = finding(&assessment, "file_system_full").unwrap();
    let title = "The file system /var/lib/postgresql fills up: at the rate of this run it is full in 49.9 s";
    assert_eq!(found.title, title);
    assert!(found.detail.contains("9.56 MiB/s"), "{}", found.detail);
    assert!(named(&filling(5e9)).is_empty(), "500 s are five more runs");
    // Space that is given back again is no growth.
    let given_back = planted(vec![
        Recorded::flat("filesystem.used_ratio", &DATA, 0.6),
        Recorded::rising("filesystem.available_bytes", &DATA, 5e8, 6e8),
    ]);
    assert!(named(&given_back).is_empty());
}

#[test]
fn inodes_that_are_used_up_are_named_though_there_is_space() {
    let used = |ratio| {
        planted(vec![Recorded::flat(
            "filesystem.inodes_used_ratio",
            &DATA,
            ratio,
        )])
    };
    let assessment = used(0.99);
    assert_eq!(named(&assessment), ["inodes_used_up"]);
    let found = finding(&assessment, "inodes_used_up").unwrap();
    assert!(
        found
            .title
            .contains("/var/lib/postgresql has few inodes left: 99 % used")
    );
    assert!(ruled_out(&used(0.5), "inodes_used_up"));
    let unknown = without("filesystem.inodes_used_ratio");
    assert!(is_unknown(&unknown, "inodes_used_up"));
}

#[test]
fn a_file_system_that_hangs_is_named_and_one_that_was_slow_is_not() {
    let silent = |ns| {
        planted(vec![Recorded::rising(
            "filesystem.silent_ns",
            &DATA,
            0.0,
            ns,
        )])
    };
    let assessment = silent(42e9);
    assert_eq!(named(&assessment), ["file_system_hung"]);
    let found = finding(&assessment, "file_system_hung").unwrap();
    let title = "The file system /var/lib/postgresql did not answer for 42.0 s";
    assert_eq!(found.title, title);
    assert!(ruled_out(&silent(3e9), "file_system_hung"));
    assert!(finding(&silent(10e9), "file_system_hung").is_some());
    assert!(ruled_out(&silent(9.99e9), "file_system_hung"));
    assert!(is_unknown(
        &without("filesystem.silent_ns"),
        "file_system_hung"
    ));
}
