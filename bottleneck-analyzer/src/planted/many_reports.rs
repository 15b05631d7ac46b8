//! Tests of directories with more reports than a person reads about.

use crate::render::{html, terminal};

use super::common::{Plant, coherent};
use super::judge;

/// Returns the text and the page about `count` copies of one report, of which the last one fails
/// its gates.
fn shown(count: usize) -> (String, String) {
    let home = tempfile::tempdir().unwrap();
    let good = Plant::default().redis();
    let slow = Plant {
        redis_ns: 40e6,
        ..Plant::default()
    };
    for n in 1..=count {
        let report = if n == count { &slow.redis() } else { &good };
        let path = home.path().join(format!("redis-bench.cache.{n:03}.json"));
        bench_report::store::save_json(&path, &coherent(report)).unwrap();
    }
    let (run, assessment) = judge(home.path());
    assert_eq!(assessment.reports.len(), count);
    (terminal::render(&assessment), html::page(&run, &assessment))
}

#[test]
fn the_text_about_many_reports_is_as_long_as_that_about_some() {
    let (some, _) = shown(60);
    let (many, page) = shown(120);
    assert!(
        many.len() < some.len() + some.len() / 5,
        "{} and {}",
        some.len(),
        many.len()
    );
    assert!(many.contains("Shown are 12 of 120 components"), "{many}");
    assert!(page.contains("Shown are 50 of 120 components"));
    assert!(
        many.contains("FAIL"),
        "a gate that failed is among those that are shown: {many}"
    );
    let (few, _) = shown(3);
    assert!(!few.contains("Shown are"), "{few}");
}
