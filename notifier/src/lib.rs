//! The notifier: job events in, messages to people out, one per job.
//! It holds nothing in memory that JetStream does not also hold.

pub mod nats;

pub mod matcher;

pub mod route;

pub mod deliver;

pub mod ledger;

pub mod render;

pub mod receiver;

pub mod retry;
