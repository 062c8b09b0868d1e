//! How far a collector has heard its master's bus: the entry of `COLLECTORS`.
//! What is done about a gap is the collector's decision.

use serde::{Deserialize, Serialize};

/// The entry of `COLLECTORS`, one for each master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorEntry {
    /// The cluster.
    pub cluster: String,
    /// The master.
    pub master: String,
    /// The low-water mark, by the master's host clock, RFC 3339: everything fired before it was heard and is stored, or is a
    /// gap that was reported.
    pub low_water: String,
}
