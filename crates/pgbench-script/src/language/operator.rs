//! Binary operators of expressions and their precedence.

use crate::language::function::Function;

/// Binary operators by precedence, the loosest-binding group first; within a group all bind alike.
/// `NOT`, which is unary, binds between AND (index 1) and the comparisons (index 2).
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
/// Index of the comparisons in [`PRECEDENCE`]. `IS`, `ISNULL` and `NOTNULL` bind as they do, `NOT`
/// one level more loosely.
pub(crate) const COMPARISONS: usize = 2;

/// Meaning of a binary operator: the function or logical operation that evaluates it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BinaryOperator {
    /// Logical OR, whose right side is not evaluated if the left one is true.
    Or,
    /// Logical AND, whose right side is not evaluated if the left one is false.
    And,
    /// Function that is called with the left and the right operand, in that order.
    Call(Function),
    /// Function that is called with the operands exchanged: `a > b` becomes `b < a`.
    Swapped(Function),
}
