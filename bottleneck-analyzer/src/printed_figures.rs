//! Record of the figures that the formatters printed, for the test that walks the figures of every sentence.

use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static PRINTED: RefCell<HashMap<String, Vec<f64>>> = RefCell::default();
}

/// Notes that `text` was printed for `value` in this thread.
pub(crate) fn note(value: f64, text: &str) {
    PRINTED.with_borrow_mut(|printed| printed.entry(text.to_owned()).or_default().push(value));
}

/// Returns the values for which `text` was printed in this thread; empty if no formatter printed it.
pub(crate) fn values_of(text: &str) -> Vec<f64> {
    PRINTED.with_borrow(|printed| printed.get(text).cloned().unwrap_or_default())
}

/// Forgets everything that was printed in this thread.
pub(crate) fn forget() {
    PRINTED.with_borrow_mut(HashMap::clear);
}
