//! What crosses NATS between the collector and the notifier, and nothing else.
//! It opens no connection, runs nothing and logs nothing: it is vocabulary, subjects and bytes.
//!
//! A thing is admitted here if changing it in one running process and not in the other would break something.
//! Parsing Salt's dictionaries is the collector's, messages for people are the notifier's.
//!
//! # Layout, in the order an event travels
//!
//! - [`salt`]: Salt's words as types: `Jid`, `MinionId`, `Fun`, `Target`, and the command line as typed.
//! - [`highstate`]: one state's result, and the summary of a state run.
//! - [`event`]: the normalised job event.
//! - [`subject`]: subjects, tokens, ids and hashes.
//! - [`topology`]: streams, consumers and buckets as values.
//! - [`work`]: what is queued and kept about a job: open and verify items, `JOBS`, `FAULTS`.
//! - [`digest`]: what is known of a job when it is told: counts and findings.
//! - [`delivery`]: notifications, deliveries, the ledger, dead letters.
//! - [`mark`]: how far a collector has heard.
//! - [`lookup`]: what a collector is asked about a job, and its answer.
//! - [`trace`]: the trace context in NATS headers.
//! - [`wire`]: encode and decode: JSON, format number, compression.

pub mod salt;

pub mod highstate;

pub mod event;

pub mod subject;

pub mod topology;

pub mod work;

pub mod digest;

pub mod delivery;

pub mod mark;

pub mod lookup;

pub mod trace;

pub mod wire;
