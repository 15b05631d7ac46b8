//! Effects of SQL statements on the transaction: which begin or end one.

/// Effect of a statement, or of several sent together, on the transaction in which it is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionEffect {
    /// The statement neither begins nor ends a transaction.
    None,
    /// The statement begins a transaction, which stays open.
    Begins,
    /// The statement ends the open transaction, by commit or rollback.
    Ends,
    /// Several statements that are sent together begin a transaction and end it again.
    BeginsAndEnds,
}

impl TransactionEffect {
    /// Returns the effect of the statement that begins with `words`, in any case; [`Self::None`]
    /// for statements other than these. Source: PostgreSQL manual, *SQL Commands*: BEGIN, START
    /// TRANSACTION, COMMIT, END, ROLLBACK, ABORT, PREPARE TRANSACTION.
    pub(crate) fn from_words(words: &[String]) -> Self {
        let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let savepoint = lower.contains(&"to");
        let chained = lower.contains(&"chain") && !lower.contains(&"no");
        let prepared = lower.get(1) == Some(&"prepared");
        match lower.as_slice() {
            ["begin", ..] | ["start", "transaction", ..] => Self::Begins,
            ["prepare", "transaction", ..] => Self::Ends,
            ["commit" | "end" | "rollback" | "abort", ..]
                if !(savepoint || chained || prepared) =>
            {
                Self::Ends
            }
            _ => Self::None,
        }
    }

    /// Returns the combined effect of this statement and then `next`.
    pub(crate) fn then(self, next: Self) -> Self {
        match (self, next) {
            (so_far, Self::None) => so_far,
            (Self::Begins, Self::Ends) => Self::BeginsAndEnds,
            (_, next) => next,
        }
    }
}
