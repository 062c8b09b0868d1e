//! End to end: a file per promise, all in one binary, so that it is linked once and installs and builds once.
//! Nothing here is skipped, retried or ignored.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test itself would"
)]

mod chaos;
mod harness_bus;
mod harness_mail;
mod harness_nats;
mod harness_process;
mod harness_salt;
mod harness_slack;
mod killed_collector;
mod lost_check;
mod lost_open_jobs;
mod readme;
