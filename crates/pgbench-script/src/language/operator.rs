//! Binary operators of expressions and their precedence.

use crate::language::function::Function;

/// Binary operators by precedence, loosest first. `NOT` binds between AND and comparisons.
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
/// Index of the comparisons in [`PRECEDENCE`]: `IS` binds as they do, `NOT` just outside of them.
pub(crate) const COMPARISONS: usize = 2;

/// Meaning of a binary operator.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BinaryOperator {
    /// Logical OR, which may leave its right side unevaluated.
    Or,
    /// Logical AND, which may leave its right side unevaluated.
    And,
    /// Calls the function with both operands.
    Call(Function),
    /// Calls with the operands exchanged: `a > b` is `b < a`.
    Swapped(Function),
}
