//! End to end: a file per promise, all in one binary, so that it is linked once and installs and builds once.
//! Nothing here is skipped, retried or ignored.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test itself would"
)]

mod captured;
mod scenes;

mod all_of_it;
mod canaries;
mod chaos;
mod compose;
mod delivery;
mod demo;
mod enriched;
mod hostile_bus;
mod http;
mod killed_collector;
mod late;
mod lookup;
mod lost_check;
mod lost_open_jobs;
mod moments;
mod one_message;
mod posts;
mod readme;
mod readme_commands;
mod reconnect;
mod reload;
mod routes;
mod several_masters;
mod slack_bot;
mod smtp_ways;
mod stopping;
mod stranded;
mod traces;
mod two_collectors;
mod wrong_files;

mod harness_bus;
mod harness_mail;
mod harness_nats;
mod harness_process;
mod harness_salt;
mod harness_slack;
