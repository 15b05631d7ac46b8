//! Binary operators of expressions and their precedence.

use crate::language::function::Function;

/// Binary operators by precedence, lowest first. `NOT` binds between AND and comparisons.
pub(crate) const PRECEDENCE: [&[(&str, BinaryOperator)]; 6] = [
    &[("or", BinaryOperator::Or)],
    &[("and", BinaryOperator::And)],
    &[
        ("=", BinaryOperator::Call(Function::Equal)),
        ("<>", BinaryOperator::Call(Function::NotEqual)),
        ("!=", BinaryOperator::Call(Function::NotEqual)),
        ("<=", BinaryOperator::Call(Function::LessOrEqual)),
        (">=", BinaryOperator::Swapped(Function::LessOrEqual)),
        ("<", BinaryOperator::Call(Function::Less)),
        (">", BinaryOperator::Swapped(Function::Less)),
    ],
    &[
        ("|", BinaryOperator::Call(Function::BitOr)),
        ("#", BinaryOperator::Call(Function::BitXor)),
        ("&", BinaryOperator::Call(Function::BitAnd)),
        ("<<", BinaryOperator::Call(Function::ShiftLeft)),
        (">>", BinaryOperator::Call(Function::ShiftRight)),
    ],
    &[
        ("+", BinaryOperator::Call(Function::Add)),
        ("-", BinaryOperator::Call(Function::Subtract)),
    ],
    &[
        ("*", BinaryOperator::Call(Function::Multiply)),
        ("/", BinaryOperator::Call(Function::Divide)),
        ("%", BinaryOperator::Call(Function::Remainder)),
    ],
];
/// Index of the comparisons in [`PRECEDENCE`]. `IS` binds as they do, `NOT` one level more loosely.
pub(crate) const COMPARISONS: usize = 2;

/// Meaning of a binary operator.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BinaryOperator {
    /// Logical OR, whose right side may not be evaluated.
    Or,
    /// Logical AND, whose right side may not be evaluated.
    And,
    /// Function that is called with both operands.
    Call(Function),
    /// Function that is called with the operands exchanged: `a > b` is `b < a`.
    Swapped(Function),
}
