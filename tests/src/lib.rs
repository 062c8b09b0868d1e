//! The harness: real programs, a real nats-server, a real Salt, and doubles for what only Slack and mail servers have.
//! It is not a test by itself; `e2e/` and `cargo demo` are written with it.
//!
//! The rooms, in the order in which a scenario needs them: what it installs ([`tools`], [`programs`]), how it runs and
//! ends processes ([`process`], [`reaper`], [`scratch`], [`ports`], [`wait`]), the parts ([`nats`], [`salt`], [`bus`],
//! [`slack`], [`mail`], [`spans`], [`pages`]), and all of them together ([`stack`], [`arrivals`]) with more beside them ([`beside`]), killed at seeded moments ([`chaos`]). What a
//! master's double plays is built in [`play`]; for the benches, events without a master ([`events`]), notifiers alone ([`workers`]) and what work costs
//! the disk ([`synced`]).
//!
//! Errors are `anyhow` throughout: each of them ends a test or the demo, and is read by a person.

pub mod arrivals;
pub mod beside;
pub mod bus;
pub mod canaries;
pub mod chaos;
pub mod demo;
pub mod events;
pub mod logs;
pub mod mail;
pub mod nats;
pub mod pages;
pub mod play;
pub mod ports;
pub mod process;
pub mod programs;
pub mod progress;
pub mod reaper;
pub mod salt;
pub mod scratch;
pub mod slack;
pub mod spans;
pub mod stack;
pub mod synced;
pub mod tools;
pub mod wait;
pub mod workers;
