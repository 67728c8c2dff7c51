//! Rows: which one counts for which container, and how they are given out and back.

use serde::{Deserialize, Serialize};

/// Index of a container's row of counters in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row(pub u32);
