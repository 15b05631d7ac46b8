//! Rate limiters: the models that say what each algorithm must decide.

mod model;
