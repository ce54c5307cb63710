//! Room.

fn main() {}
