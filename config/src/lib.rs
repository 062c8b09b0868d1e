//! How both programs read their configuration files: a tree in which everything knows its place, and one wording for mistakes.
//! It knows no key of either program but those of `nats`, opens no connection, and nothing here crosses NATS.
//!
//! In the order of reading: [`yaml`] makes the tree (with what [`unquoted`] words did to it), [`fields`] takes a mapping
//! apart, [`value`], [`size`], [`secret`] and [`nats`] judge what stands there, and [`mistake`] keeps all that is wrong.
//! [`new_file`] is where a first configuration is put.

pub mod yaml;

pub mod unquoted;

pub mod fields;

pub mod nearest;

pub mod value;

pub mod size;

pub mod secret;

pub mod nats;

pub mod mistake;

pub mod new_file;
