//! Random draw of ten plantings from three lists, with a seed that was committed before the first
//! run.

use crate::planting::Planting;
use crate::{machine, sqlstates, wait_events};

/// Seed of the draw: 1876, the year of the shipping act for which Samuel Plimsoll campaigned.
pub(crate) const SEED: u64 = 1876;
/// Number of plantings that are drawn from the list of wait events.
const WAIT_EVENTS: usize = 4;
const SQLSTATES: usize = 3;
const MACHINE: usize = 3;

/// Returns the drawn plantings, which are the same at every call: four of wait events, then three
/// of SQLSTATEs and three of the machine.
pub(crate) fn drawn() -> Vec<Planting> {
    let mut random = SplitMix(SEED);
    let mut all = take(wait_events::ALL, WAIT_EVENTS, &mut random);
    all.extend(take(sqlstates::ALL, SQLSTATES, &mut random));
    all.extend(take(machine::ALL, MACHINE, &mut random));
    all
}

/// Draws `count` entries of `list`, each at most once, in random order. `list` must have at least
/// `count` entries.
fn take(list: &[Planting], count: usize, random: &mut SplitMix) -> Vec<Planting> {
    let mut left: Vec<Planting> = list.to_vec();
    let mut taken = Vec::new();
    for _ in 0..count {
        let at = random.next() % left.len() as u64;
        taken.push(left.swap_remove(at as usize));
    }
    taken
}

/// `SplitMix64` generator of random numbers: Steele, Lea and Flood, *Fast splittable pseudorandom
/// number generators*, OOPSLA 2014.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
