//! The lab.

pub mod cache;
mod console;
pub mod image;
pub mod job;
pub mod kernel;
mod launcher;
pub mod machine;
mod port;
pub mod programs;
pub mod topology;

pub use machine::{Boot, Machine};
pub use topology::Topology;
