//! Rate limiters: their algorithms, the scripts that decide on the server, and the models that say
//! what those scripts must decide.

mod algorithm;
mod model;
mod scripts;
#[cfg(test)]
mod tests;
