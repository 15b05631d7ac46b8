//! What one user asks for, one request after the other.

use load_engine::UserId;
use rand::rngs::SmallRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use super::{Mix, Workload};

/// One request; each is one arrival, whatever it takes in statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// One row by its key.
    Read {
        /// The key.
        id: i32,
    },
    /// One row changed, in a statement of its own.
    Update {
        /// The key.
        id: i32,
        /// What is added.
        delta: i32,
    },
    /// One row added.
    Insert {
        /// The key that it refers to.
        id: i32,
        /// What is noted.
        delta: i32,
    },
    /// Update and insert in one transaction.
    Transfer {
        /// The key.
        id: i32,
        /// What is added and noted.
        delta: i32,
    },
}

impl Request {
    /// Index into [`Workload::operations`].
    pub fn operation(self) -> usize {
        usize::from(!matches!(self, Self::Read { .. }))
    }
}

/// One user's endless requests, uniform over all rows.
#[derive(Debug, Clone)]
pub struct Requests {
    random: SmallRng,
    mix: Mix,
    rows: i32,
}

impl Requests {
    /// The requests of `user`; the same `seed` gives the same ones again.
    pub fn new(workload: Workload, rows: i32, seed: u64, user: UserId) -> Self {
        let seed = seed ^ (user.0 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            random: SmallRng::seed_from_u64(seed),
            mix: workload.mix(),
            rows: rows.max(1),
        }
    }

    /// The next request.
    pub fn draw(&mut self) -> Request {
        let id = self.random.random_range(1..=self.rows);
        let Mix {
            reads,
            updates,
            inserts,
            ..
        } = self.mix;
        if reads == 100 {
            return Request::Read { id };
        }
        let bits = self.random.next_u32();
        // The remainders' bias is below a millionth; the delta takes other bits than the kind.
        let (kind, delta) = (bits % 100, ((bits >> 8) % 201).cast_signed() - 100);
        match kind {
            kind if kind < reads => Request::Read { id },
            kind if kind < reads + updates => Request::Update { id, delta },
            kind if kind < reads + updates + inserts => Request::Insert { id, delta },
            _ => Request::Transfer { id, delta },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_the_mix_and_hit_all_rows_alike() {
        let mut requests = Requests::new(Workload::WriteHeavy, 10, 7, UserId(3));
        let mut operations = [0u32; 2];
        let mut rows = [0u32; 10];
        for _ in 0..10_000 {
            let request = requests.draw();
            operations[request.operation()] += 1;
            let (Request::Read { id }
            | Request::Update { id, .. }
            | Request::Insert { id, .. }
            | Request::Transfer { id, .. }) = request;
            rows[id as usize - 1] += 1;
        }
        assert!((1_800..2_200).contains(&operations[0]), "{operations:?}");
        assert!(rows.iter().all(|n| (850..1_150).contains(n)), "{rows:?}");
    }

    #[test]
    fn a_seed_repeats_its_requests_and_users_differ() {
        let of = |user| {
            let mut requests = Requests::new(Workload::Mixed, 1_000, 7, UserId(user));
            (0..20).map(|_| requests.draw()).collect::<Vec<_>>()
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
