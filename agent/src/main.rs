//! Picket.
fn main() {}
