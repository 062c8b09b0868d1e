//! How both programs show what they do: logs, spans in the trace of a job, and three pages over HTTP.
//! It counts nothing, and decides neither what is logged nor who is ready: each program does.
//!
//! - [`logs`]: for people on a terminal, JSON lines elsewhere.
//! - [`spans`]: spans by the standard `OTEL_*` variables; nothing at all where no endpoint is set.
//! - [`http`]: `/metrics`, `/healthz`, `/readyz`.
//! - [`loops`]: which of a program's loops have ended unasked.

pub mod logs;

pub mod spans;

pub mod http;

pub mod loops;
