//! Rules `file_system_full`, `inodes_used_up` and `file_system_hung` about the file systems of the machine.
//!
//! `file_system_full` fires if a file system is used to nine tenths at any time of the recording, and is a
//! problem from 98 % on, or if it would be full before a run of the same length ends. Reads
//! `filesystem.used_ratio` and `filesystem.available_bytes`. `inodes_used_up` fires at the same shares of
//! `filesystem.inodes_used_ratio`. `file_system_hung` fires if a file system does not answer for ten seconds
//! (`filesystem.silent_ns`).

use bench_report::Series;

use crate::assessment::{ComponentKind, Confidence, EvidenceItem, FindingKind, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{bytes, duration_ns, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::machine_recording::MachineRecording;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

/// Share of the space or of the inodes in use from which a file system is worth a note.
const NEARLY_FULL: f64 = 0.90;
/// Share in use from which it is a problem: a write of a few seconds may fill the rest.
const FULL: f64 = 0.98;
/// Time without an answer from which a file system hangs, in nanoseconds. A busy disk answers within
/// seconds, because the request needs no disk.
const HUNG_NS: f64 = 10e9;
/// Shortest time over which growth is judged, in seconds.
const LEAST_S: f64 = 30.0;
const NS_PER_S: f64 = 1e9;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    full(machine, out);
    inodes(machine, out);
    hung(machine, out);
}

/// Fall of the available space of a file system that went on during the whole recording.
#[derive(Debug, Clone, Copy)]
struct Filling {
    bytes_per_s: f64,
    /// Time until nothing is left at that rate, in seconds.
    full_in_s: f64,
    /// Index of the point in the middle of the recording, from which on the rate is measured.
    middle: usize,
}

impl Filling {
    /// Computes the filling from a series of the available space. `None` if the recording is short, or
    /// if the space did not fall in each quarter of it.
    fn of(available: &Series) -> Option<Self> {
        let all = available.at_ns.iter().zip(&available.mean).enumerate();
        let points: Vec<(usize, f64, f64)> = all
            .filter_map(|(index, (at, value))| Some((index, *at as f64 / NS_PER_S, (*value)?)))
            .collect();
        let (_, first_s, _) = *points.first()?;
        let (last, last_s, left) = *points.last()?;
        let length_s = last_s - first_s;
        if length_s < LEAST_S {
            return None;
        }
        let at = |quarter: f64| {
            let until = first_s + length_s * quarter;
            let mut points = points.iter().rev();
            points.find(|(_, at, _)| *at <= until).copied()
        };
        let end = (last, last_s, left);
        let ends = [at(0.0)?, at(0.25)?, at(0.5)?, at(0.75)?, end];
        let fell = ends.windows(2).all(|pair| pair[1].2 < pair[0].2);
        let (middle, middle_s, at_middle) = ends[2];
        let bytes_per_s = (at_middle - left) / (last_s - middle_s);
        (fell && bytes_per_s > 0.0).then(|| Self {
            bytes_per_s,
            full_in_s: left / bytes_per_s,
            middle,
        })
    }
}

/// File system of the recording, with the share of it that is in use.
struct UsedMount<'a> {
    mount: &'a str,
    reading: SeriesReading,
    /// Space that is left at the end, in bytes, as evidence; `None` if it was not recorded.
    left: Option<(f64, EvidenceItem)>,
    filling: Option<Filling>,
    /// Index of the series of the space that is left; `None` if it was not recorded.
    series_left: Option<usize>,
}

fn full(machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::FileSystemFull;
    let mounts = used_mounts(machine, "filesystem.used_ratio");
    let Some(fullest) = fullest(&mounts) else {
        let question = "whether a file system was nearly full: their space was not recorded";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    let length_s = machine.whole().measured_s();
    let worth_telling: Vec<_> = mounts
        .iter()
        .filter_map(|one| Some((one, kind_of_full(one, length_s)?)))
        .collect();
    if worth_telling.is_empty() {
        let UsedMount { mount, reading, .. } = fullest;
        let statement = format!(
            "space of file systems: {mount} is the fullest, {} used at most",
            share(reading.max)
        );
        let evidence = machine.peak_sample("space used", *reading);
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
    }
    for (one, kind) in worth_telling {
        out.add_finding(nearly_full(one, kind, length_s, machine));
    }
}

/// Returns the kind of finding that the space of a file system deserves; `None` for none. `length_s` is
/// the length of the recording in seconds.
fn kind_of_full(one: &UsedMount<'_>, length_s: f64) -> Option<FindingKind> {
    if one.reading.max >= FULL || one.fills_within(length_s) {
        return Some(FindingKind::Problem);
    }
    (one.reading.max >= NEARLY_FULL).then_some(FindingKind::Information)
}

impl UsedMount<'_> {
    fn fills_within(&self, seconds: f64) -> bool {
        self.filling
            .is_some_and(|filling| filling.full_in_s <= seconds)
    }
}

/// Builds the finding about a file system with little space; `length_s` is the length of the recording.
fn nearly_full(
    one: &UsedMount<'_>,
    kind: FindingKind,
    length_s: f64,
    machine: MachineRecording<'_>,
) -> FindingDraft {
    let UsedMount { mount, reading, .. } = one;
    let left = one.left.as_ref();
    let left_words = left.map_or_else(String::new, |(left, _)| {
        format!(", {} left at the end", bytes(*left))
    });
    let filling = one.filling.filter(|_| one.fills_within(length_s));
    let title = match filling {
        Some(filling) => format!(
            "The file system {mount} fills up: at the rate of this run it is full in {}",
            duration_ns(filling.full_in_s * NS_PER_S)
        ),
        None => format!(
            "The file system {mount} is nearly full: {} used",
            share(reading.max)
        ),
    };
    let growth = filling.map_or_else(String::new, |filling| {
        format!(" It fills by {}/s.", bytes(filling.bytes_per_s))
    });
    let confidence = match filling {
        Some(_) => Confidence::Medium,
        None => confidence_past(reading.max, NEARLY_FULL, 0.01),
    };
    draft(Rule::FileSystemFull, mount, kind)
        .says(
            title,
            format!(
                "At most {} of it was used{left_words}.{growth} Once it is full, every write to it fails.",
                share(reading.max)
            ),
        )
        .confidence(confidence)
        .evidence(machine.peak_sample("space used", *reading))
        .evidence(left.map(|(_, evidence)| evidence.clone()))
        .evidence(filling.zip(one.series_left).and_then(|(filling, series)| {
            let pointer = format!("/series/{series}/mean/{}", filling.middle);
            machine.source.evidence("space left: halfway", &pointer)
        }))
        .advice(
            &[
                &format!("see what takes the space: du -xh --max-depth=2 {mount} | sort -h"),
                "free space, or enlarge the file system, before the next run",
            ],
            "no writes that fail for lack of space",
            "a database whose file system is full refuses writes or stops",
        )
}

fn inodes(machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::InodesUsedUp;
    let mounts = used_mounts(machine, "filesystem.inodes_used_ratio");
    let Some(UsedMount { mount, reading, .. }) = fullest(&mounts) else {
        let question =
            "whether a file system runs out of inodes: none was recorded that counts them";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    let evidence = machine.peak_sample("inodes used", *reading);
    let used = share(reading.max);
    if reading.max < NEARLY_FULL {
        let statement =
            format!("inodes of file systems: {mount} has the fewest left, {used} used at most");
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    let kind = if reading.max < FULL {
        FindingKind::Information
    } else {
        FindingKind::Problem
    };
    out.add_finding(
        draft(rule, mount, kind)
            .says(
                format!("The file system {mount} has few inodes left: {used} used"),
                "Each file takes an inode. Without one no file can be created, although there is space.",
            )
            .confidence(confidence_past(reading.max, NEARLY_FULL, 0.01))
            .evidence(evidence)
            .advice(
                &[
                    &format!("see where the files are: du -x --inodes --max-depth=2 {mount} | sort -n"),
                    "delete files, or create the file system again with more inodes",
                ],
                "no files that cannot be created",
                "the number of inodes is fixed when the file system is created",
            ),
    );
}

fn hung(machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::FileSystemHung;
    let mounts = used_mounts(machine, "filesystem.silent_ns");
    let Some(UsedMount { mount, reading, .. }) = fullest(&mounts) else {
        let question = "whether a file system hung: they were not recorded";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    let evidence = machine.peak_sample("time without an answer", *reading);
    if reading.max < HUNG_NS {
        let statement = "every file system answered".to_owned();
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    out.add_finding(
        draft(rule, mount, FindingKind::Problem)
            .says(
                format!(
                    "The file system {mount} did not answer for {}",
                    duration_ns(reading.max)
                ),
                "A request for its free space was not answered. Programs that use a file of it wait as long.",
            )
            .confidence(confidence_past(reading.max / HUNG_NS, 1.0, 0.2))
            .evidence(evidence)
            .advice(
                &[
                    "see whether its server, or the program that serves it, is up",
                    "unmount it (umount -l), or mount it with a time limit (NFS: soft,timeo=)",
                ],
                "no program that waits for it",
                "a hard mount waits for its server without a limit",
            ),
    );
}

/// Measurement that answers the open questions about file systems.
const TO_FIND_OUT: &str = "sysmon record on the server's machine, on Linux";

fn draft(rule: Rule, mount: &str, kind: FindingKind) -> FindingDraft {
    FindingDraft::new(rule, "machine", ComponentKind::Machine, kind)
        .one_of_several(mount)
        .thing(format!("the file system {mount}"))
}

fn fullest<'a, 'b>(mounts: &'b [UsedMount<'a>]) -> Option<&'b UsedMount<'a>> {
    let by_use = |a: &&UsedMount<'_>, b: &&UsedMount<'_>| a.reading.max.total_cmp(&b.reading.max);
    mounts.iter().max_by(by_use)
}

/// Reads the series `name` of each file system over the whole recording, with the space that is left.
fn used_mounts<'a>(machine: MachineRecording<'a>, name: &str) -> Vec<UsedMount<'a>> {
    let whole = machine.whole();
    let available = machine.all("filesystem.available_bytes", whole);
    let of_mount = |(series, reading): (&'a Series, SeriesReading)| {
        let mount = series.labels.get("mount")?;
        let left = available.iter().find(|(s, _)| s.labels == series.labels);
        Some(UsedMount {
            mount,
            reading,
            left: left.and_then(|(series, reading)| last(machine, series, reading.series)),
            filling: left.and_then(|(series, _)| Filling::of(series)),
            series_left: left.map(|(_, reading)| reading.series),
        })
    };
    machine
        .all(name, whole)
        .into_iter()
        .filter_map(of_mount)
        .collect()
}

/// Returns the last value of a series with its evidence; `index` is the place of the series.
fn last(
    machine: MachineRecording<'_>,
    series: &Series,
    index: usize,
) -> Option<(f64, EvidenceItem)> {
    let point = series.mean.iter().rposition(Option::is_some)?;
    let pointer = format!("/series/{index}/mean/{point}");
    let evidence = machine
        .source
        .evidence("space left: last sample", &pointer)?;
    Some(((*series.mean.get(point)?)?, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Creates the space left of a file system, in bytes, in one point each second, the first one 1,000 s after the start
    /// of the machine.
    fn left(points: impl IntoIterator<Item = f64>) -> Series {
        let mut series = Series::new("filesystem.available_bytes");
        for (at_s, bytes) in (1_000..).zip(points) {
            series.push(at_s * SECOND, Some(bytes));
        }
        series
    }

    /// Creates the same for space that falls from 100 bytes by one each second.
    fn falling(seconds: u32) -> Series {
        left((0..=seconds).map(|second| 100.0 - f64::from(second)))
    }

    #[test]
    fn space_that_falls_all_the_time_fills_at_the_rate_of_the_second_half() {
        // It falls by one byte each second for 20 s, and by two after that, to 40.
        let faster = (0..=40_i32).map(|second| 100.0 - f64::from(second + (second - 20).max(0)));
        let filling = Filling::of(&left(faster)).unwrap();
        assert!((filling.bytes_per_s - 2.0).abs() < 1e-9, "{filling:?}");
        assert!((filling.full_in_s - 20.0).abs() < 1e-9, "{filling:?}");
        assert_eq!(filling.middle, 20);
    }

    #[test]
    fn half_a_minute_shows_whether_a_file_system_fills_and_less_does_not() {
        assert!(Filling::of(&falling(30)).is_some());
        assert!(Filling::of(&falling(29)).is_none());
    }

    /// Planted: space that falls but for the first, the second, the third or the last quarter of 40 s, in which it stays
    /// or rises a little.
    #[test]
    fn space_that_does_not_fall_in_one_quarter_does_not_fill_the_file_system() {
        for quarter in 0..4_i32 {
            for change in [0.0, 1.0] {
                let mut bytes = 100.0;
                let points = (0..=40).map(|second| {
                    let is_within = second > 10 * quarter && second <= 10 * quarter + 10;
                    if second > 0 {
                        bytes += if is_within { change } else { -1.5 };
                    }
                    bytes
                });
                let series = left(points);
                assert!(Filling::of(&series).is_none(), "{quarter}, {change}");
            }
        }
    }

    #[test]
    fn a_file_system_that_is_full_when_the_next_run_ends_fills_within_it() {
        let mount = |filling: Option<Filling>| UsedMount {
            mount: "/srv",
            reading: SeriesReading::over(0, &falling(40), &(1_000 * SECOND..1_040 * SECOND))
                .unwrap(),
            left: None,
            filling,
            series_left: None,
        };
        // 60 bytes are left at one byte each second.
        let filling = mount(Filling::of(&falling(40)));
        assert!(filling.fills_within(60.0) && !filling.fills_within(59.9));
        assert!(!mount(None).fills_within(1e9));
    }
}
