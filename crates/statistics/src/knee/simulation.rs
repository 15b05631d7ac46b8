//! Simulation of many sweeps with a known knee: how often the interval from `low` to `high`
//! contains it, and how wide that interval is. This replaces a proof.

use super::{Edge, Knee, KneeOptions, KneeSetting, find};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const SWEEPS: u64 = 500;
const DOUBLING: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
const MIXED: [f64; 13] = [
    1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0,
];

/// Returns the throughput by size of a server that works on at most `k` requests at once, as a
/// share of its maximum: it rises up to size `k` and then stays at 1.
fn capped(k: f64) -> impl Fn(f64) -> f64 + Copy {
    move |size| size.min(k) / k
}

/// Returns the throughput at `size` of a server whose throughput falls again beyond its peak near
/// 24, as a multiple of that at size 1.
fn turning(size: f64) -> f64 {
    size / (1.0 + 0.05 * (size - 1.0) + 0.0016 * size * (size - 1.0))
}

fn fine() -> Vec<f64> {
    (1..=32).map(f64::from).collect()
}

fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    let (radius, angle): (f64, f64) = (
        random.random_range(f64::MIN_POSITIVE..1.0),
        random.random_range(0.0..1.0),
    );
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Simulates one sweep and returns the throughputs by size and round. The mean at each size is 10
/// 000 times `curve`; each repeat varies by `cv` (coefficient of variation), and each round as a
/// whole by up to 10 %.
fn sweep(
    sizes: &[f64],
    curve: impl Fn(f64) -> f64,
    cv: f64,
    rounds: usize,
    seed: u64,
) -> Vec<Vec<f64>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let offsets: Vec<f64> = (0..rounds)
        .map(|_| 1.0 + 0.1 * random.random_range(-1.0..1.0))
        .collect();
    let mut repeat = |size: f64, offset: &f64| {
        (10_000.0 * curve(size) * offset * (1.0 + cv * normal(&mut random))).max(1.0)
    };
    sizes
        .iter()
        .map(|&size| offsets.iter().map(|offset| repeat(size, offset)).collect())
        .collect()
}

fn settings<'a>(sizes: &[f64], repeats: &'a [Vec<f64>]) -> Vec<KneeSetting<'a>> {
    let setting = |(&value, repeats): (&f64, &'a Vec<f64>)| KneeSetting {
        value,
        repeats,
        admissible: true,
    };
    sizes.iter().zip(repeats).map(setting).collect()
}

fn knee(sizes: &[f64], repeats: &[Vec<f64>]) -> Knee {
    find(&settings(sizes, repeats), KneeOptions::default()).unwrap()
}

/// Returns the index of the true knee: the first size whose throughput is at least 97 % of the
/// best.
fn planted(sizes: &[f64], curve: impl Fn(f64) -> f64) -> usize {
    let best = sizes.iter().map(|&size| curve(size)).fold(0.0, f64::max);
    sizes
        .iter()
        .position(|&size| curve(size) >= 0.97 * best)
        .unwrap()
}

/// Results of many simulated sweeps of one kind.
#[derive(Default)]
struct Tally {
    /// Share of sweeps, 0 to 1, whose interval contained the true knee.
    held: f64,
    /// Share of sweeps, 0 to 1, whose chosen size was the true knee.
    hit: f64,
    /// Mean number of sizes in the interval, both ends included.
    width: f64,
}

fn tally(sizes: &[f64], curve: impl Fn(f64) -> f64 + Copy, cv: f64, rounds: usize) -> Tally {
    let answer = planted(sizes, curve);
    let mut tally = Tally::default();
    let one = 1.0 / SWEEPS as f64;
    for seed in 0..SWEEPS {
        let knee = knee(sizes, &sweep(sizes, curve, cv, rounds, seed));
        tally.held += if (knee.low..=knee.high).contains(&answer) {
            one
        } else {
            0.0
        };
        tally.hit += if knee.chosen == answer { one } else { 0.0 };
        tally.width += one * (knee.high - knee.low + 1) as f64;
    }
    tally
}

#[test]
fn the_interval_holds_the_planted_knee() {
    let lists: [&[f64]; 3] = [&DOUBLING, &MIXED, &fine()];
    for sizes in lists {
        for (cv, k) in [0.01, 0.03, 0.05]
            .into_iter()
            .flat_map(|cv| [3.0, 7.0, 16.0].map(|k| (cv, k)))
        {
            let Tally { held, .. } = tally(sizes, capped(k), cv, 3);
            assert!(
                held >= 0.95,
                "{} sizes, cv {cv}, k = {k}: held in {held}",
                sizes.len()
            );
        }
    }
}

#[test]
fn a_curve_that_turns_back_is_held_too() {
    let lists: [&[f64]; 3] = [&DOUBLING, &MIXED, &fine()];
    for sizes in lists {
        for cv in [0.01, 0.03, 0.05] {
            let Tally { held, .. } = tally(sizes, turning, cv, 3);
            assert!(
                held >= 0.95,
                "{} sizes, cv {cv}: held in {held}",
                sizes.len()
            );
        }
    }
}

#[test]
fn where_sizes_lie_apart_the_planted_one_is_chosen() {
    for (cv, k) in [0.01, 0.03, 0.05]
        .into_iter()
        .flat_map(|cv| [3.0, 7.0, 16.0].map(|k| (cv, k)))
    {
        let Tally { hit, .. } = tally(&DOUBLING, capped(k), cv, 3);
        assert!(hit >= 0.95, "cv {cv}, k = {k}: chosen in {hit}");
    }
}

#[test]
fn quiet_sweeps_and_more_rounds_narrow_the_interval() {
    for k in [3.0, 7.0, 16.0] {
        let width = |cv, rounds| tally(&MIXED, capped(k), cv, rounds).width;
        assert!(width(0.01, 3) < 1.2, "k = {k}");
        assert!(
            width(0.03, 5) < width(0.03, 3) && width(0.03, 3) < width(0.05, 3),
            "k = {k}"
        );
    }
}

#[test]
fn two_sweeps_of_one_server_agree() {
    for cv in [0.01, 0.03, 0.05] {
        let agreeing = (0..SWEEPS).filter(|seed| {
            let [one, other] = [2 * seed, 2 * seed + 1]
                .map(|seed| knee(&DOUBLING, &sweep(&DOUBLING, capped(7.0), cv, 3, seed)));
            one.low <= other.chosen && other.chosen <= one.high
        });
        assert!(agreeing.count() as u64 >= SWEEPS * 95 / 100, "cv {cv}");
    }
}

#[test]
fn a_flat_curve_chooses_the_smallest() {
    let smallest = (0..SWEEPS).filter(|&seed| {
        let knee = knee(&MIXED, &sweep(&MIXED, |_| 1.0, 0.03, 3, seed));
        knee.chosen == 0 && knee.edge == Some(Edge::Lowest)
    });
    assert!(smallest.count() as u64 >= SWEEPS * 95 / 100);
}

#[test]
fn a_curve_that_rises_to_the_end_is_not_bracketed() {
    for seed in 0..SWEEPS {
        let knee = knee(&DOUBLING, &sweep(&DOUBLING, |size| size, 0.05, 3, seed));
        assert_eq!(
            (knee.chosen, knee.edge),
            (7, Some(Edge::Highest)),
            "seed {seed}"
        );
    }
}
