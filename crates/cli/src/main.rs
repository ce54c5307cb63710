//! The `virtfn` program.

fn main() {}
