//! The connection that a worker works with, and the names it works under.
//! It publishes and subscribes nothing: each loop does its own.

use async_nats::jetstream::Context;
use pillarbox_proto::subject::Group;
use pillarbox_proto::topology::Topology;

/// What every loop needs to reach its streams and buckets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Nats {
    /// The connection.
    pub jetstream: Context,
    /// The names of streams and buckets.
    pub topology: Topology,
    /// The group whose work is done here.
    pub group: Group,
    /// This worker's name, unique among all that run: it signs what it has in hand.
    pub worker: String,
}
