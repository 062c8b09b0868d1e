//! The collector: a Salt master's event bus in, normalised job events out.
//! It only reads: it never writes to the bus and never runs a Salt command.
//!
//! # Layout, in the order an event travels
//!
//! - [`frame`]: bytes to frames, both framings.
//! - [`tag`]: what a frame announces.
//! - [`normalize`]: a frame to an event, or the reason it is none.
//! - [`outcome`]: the judge.
//! - [`redact`]: secrets out.
//! - [`command`]: what the program does when asked.

pub mod frame;

pub mod tag;

pub mod normalize;

pub mod outcome;

pub mod redact;

pub mod command;
