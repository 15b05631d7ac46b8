//! Values of variables, parameters and results.

pub(crate) mod bind;
pub(crate) mod capture;
pub(crate) mod value;
pub(crate) mod variable_table;
pub(crate) mod variables;
