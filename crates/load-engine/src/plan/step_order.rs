//! Order of the steps of a sweep. Each round runs every setting once, in a new random order, so
//! that a machine whose speed drifts favours no setting (Abedi & Brecht, ICPE 2017).

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

/// Step of a sweep: one run of one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedStep {
    /// Index of the setting among those of the sweep, from 0.
    pub setting: usize,
    /// Number of the repeat of this setting, counted from 0.
    pub repeat: u64,
}

/// Returns the steps of a sweep of `settings` settings, each `repeats` times, in the order in which
/// they run. Each round contains every setting once, shuffled by `seed`.
pub fn shuffled_steps(settings: usize, repeats: u64, seed: u64) -> Vec<PlannedStep> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut steps = Vec::with_capacity(settings * repeats as usize);
    for repeat in 0..repeats {
        let mut round: Vec<usize> = (0..settings).collect();
        round.shuffle(&mut random);
        steps.extend(
            round
                .into_iter()
                .map(|setting| PlannedStep { setting, repeat }),
        );
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_holds_every_setting_once_and_the_seed_repeats_the_order() {
        let order = shuffled_steps(8, 3, 42);
        for round in order.chunks(8) {
            let mut settings: Vec<usize> = round.iter().map(|t| t.setting).collect();
            settings.sort_unstable();
            assert_eq!(settings, (0..8).collect::<Vec<_>>());
            assert!(round.iter().all(|t| t.repeat == round[0].repeat));
        }
        assert_eq!(order, shuffled_steps(8, 3, 42));
        assert_ne!(order, shuffled_steps(8, 3, 43));
        assert_ne!(
            order[..8].iter().map(|t| t.setting).collect::<Vec<_>>(),
            (0..8).collect::<Vec<_>>()
        );
    }
}
