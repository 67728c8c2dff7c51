//! Learned state: what is normal for a workload, how much evidence stands behind it, and its form on disk.

pub mod key;
