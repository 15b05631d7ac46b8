//! Components that can be loaded, and the machine: one file each, with everything that the analyzer knows of
//! one in advance. The rest of the analyzer asks [`ComponentKind::definition`] instead of comparing kinds.

mod definition;
mod kind;
mod machine;
mod postgres;
mod redis;
mod websocket;

pub(crate) use definition::TimeDivision;
pub(crate) use kind::ComponentKind;
