//! Position of a request in its step.

/// Position of a request in its step's measured part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// It was due (begun, in a closed loop) in it: its outcome and its phases count.
    pub due: bool,
    /// It was done in it: it counts for throughput. What an overloaded target still answers
    /// during the drain is not what it carried.
    pub done: bool,
}

impl Within {
    /// Due and done in it.
    pub const WHOLLY: Self = Self {
        due: true,
        done: true,
    };
}
