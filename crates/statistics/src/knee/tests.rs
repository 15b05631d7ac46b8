//! Tests of the knee on single sweeps with a known answer.

use super::{Edge, Knee, KneeError, KneeOptions, KneeSetting, find};

fn setting(value: f64, repeats: &[f64]) -> KneeSetting<'_> {
    KneeSetting {
        value,
        repeats,
        admissible: true,
    }
}

fn found(settings: &[KneeSetting]) -> Knee {
    find(settings, KneeOptions::default()).unwrap()
}

/// Throughputs of three rounds of a server that works on at most four requests at once, by number
/// of users. The whole second round is a fifth slower.
const SWEEP: [(f64, [f64; 3]); 5] = [
    (1.0, [100.0, 80.0, 101.0]),
    (2.0, [201.0, 161.0, 199.0]),
    (4.0, [398.0, 322.0, 401.0]),
    (8.0, [401.0, 319.0, 403.0]),
    (16.0, [399.0, 321.0, 400.0]),
];

fn swept() -> [KneeSetting<'static>; 5] {
    SWEEP
        .each_ref()
        .map(|(value, repeats)| setting(*value, repeats))
}

#[test]
fn what_a_whole_round_suffers_does_not_blur_the_knee() {
    let knee = found(&swept());
    assert_eq!(
        (knee.low, knee.chosen, knee.high, knee.edge),
        (2, 2, 2, None)
    );
    insta::assert_snapshot!(knee.reason, @"4 is the smallest setting not shown to lose more than 3 % of throughput against the best (8; measured loss 0.1 %); after 3 rounds, no other that was measured could be it (95 % confidence)");
}

#[test]
fn a_setting_outside_the_objective_is_not_chosen_and_brackets() {
    let mut settings = swept();
    for setting in &mut settings[1..] {
        setting.admissible = false;
    }
    let knee = found(&settings);
    assert_eq!(
        (knee.best, knee.chosen, knee.edge),
        (0, 0, Some(Edge::Lowest))
    );
    insta::assert_snapshot!(knee.reason, @"1 is the only setting that kept the objectives");

    let mut settings = swept();
    settings[2].admissible = false;
    let knee = found(&settings);
    assert_eq!((knee.low, knee.chosen, knee.high), (3, 3, 3));

    let mut settings = swept();
    settings[3].admissible = false;
    settings[4].admissible = false;
    let knee = found(&settings);
    assert_eq!((knee.chosen, knee.edge), (2, None));
    insta::assert_snapshot!(knee.reason, @"4 is the best setting, and any smaller one loses more than 3 % of throughput; after 3 rounds, no other that was measured could be it (95 % confidence)");
}

#[test]
fn one_round_chooses_and_says_that_nothing_was_tested() {
    let settings = SWEEP
        .each_ref()
        .map(|(value, repeats)| setting(*value, &repeats[..1]));
    let knee = found(&settings);
    assert_eq!((knee.low, knee.chosen, knee.high), (0, 2, 4));
    insta::assert_snapshot!(knee.reason, @"4 is the smallest setting measured to lose no more than 3 % of throughput against the best (8; measured loss 0.7 %); with one round no test is possible, and any from 1 to 16 could be it: repeat the sweep to know");
}

#[test]
fn an_interrupted_sweep_is_judged_by_its_complete_rounds() {
    let mut settings = swept();
    for setting in &mut settings[3..] {
        setting.repeats = &setting.repeats[..2];
    }
    let reason = found(&settings).reason;
    assert!(reason.contains("; after 2 rounds, "), "{reason}");

    settings[4].repeats = &[];
    assert_eq!(found(&settings).chosen, 2);
}

#[test]
fn exact_repeats_leave_no_doubt() {
    let settings = [
        setting(1.0, &[50.0; 3]),
        setting(2.0, &[100.0; 3]),
        setting(4.0, &[100.0; 3]),
    ];
    let knee = found(&settings);
    assert_eq!((knee.low, knee.chosen, knee.high), (1, 1, 1));
}

#[test]
fn noise_widens_the_interval() {
    let settings = [
        setting(2.0, &[200.0, 230.0, 190.0]),
        setting(4.0, &[410.0, 350.0, 400.0]),
        setting(8.0, &[380.0, 440.0, 390.0]),
        setting(16.0, &[420.0, 400.0, 370.0]),
    ];
    let knee = found(&settings);
    assert_eq!((knee.low, knee.chosen, knee.high), (1, 1, 3));
    insta::assert_snapshot!(knee.reason, @"4 is the smallest setting not shown to lose more than 3 % of throughput against the best (8; measured loss 4.2 %); after 3 rounds, any from 4 to 16 could be it (95 % confidence)");
}

#[test]
fn a_single_setting_is_chosen_and_not_bracketed() {
    let knee = found(&[setting(4.0, &[100.0, 101.0])]);
    assert_eq!(
        (knee.low, knee.chosen, knee.high, knee.edge),
        (0, 0, 0, Some(Edge::Only))
    );
}

#[test]
fn what_cannot_be_judged_is_named() {
    let reject = |settings: &[KneeSetting]| find(settings, KneeOptions::default()).unwrap_err();
    let inadmissible = KneeSetting {
        admissible: false,
        ..setting(2.0, &[0.0])
    };
    assert_eq!(reject(&[]), KneeError::NothingMeasured);
    assert_eq!(reject(&[setting(1.0, &[])]), KneeError::NothingMeasured);
    assert_eq!(
        reject(&[inadmissible]),
        KneeError::NoneAdmissible { measured: 1 }
    );
    assert_eq!(
        reject(&[setting(2.0, &[1.0]), setting(2.0, &[1.0])]),
        KneeError::NotAscending {
            index: 1,
            value: 2.0
        }
    );
    assert_eq!(
        reject(&[setting(2.0, &[1.0, 0.0])]),
        KneeError::InvalidThroughput {
            index: 0,
            repeat: 1,
            throughput: 0.0
        }
    );
    let options = KneeOptions {
        tolerance: 1.0,
        ..KneeOptions::default()
    };
    let error = find(&[setting(2.0, &[1.0])], options).unwrap_err();
    assert!(matches!(error, KneeError::InvalidOptions { .. }), "{error}");
}
