//! One line on standard error that says what is being waited for.
//! It is not a log: on a terminal each line replaces the one before, elsewhere one appears every five seconds.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

static LAST: Mutex<Option<Instant>> = Mutex::new(None);
const EVERY: Duration = Duration::from_secs(5);
const WIDTH: usize = 100;

/// Says that `part` is at `step`.
pub fn at(part: &str, step: &str) {
    let step: String = step
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(WIDTH)
        .collect();
    if step.is_empty() {
        return;
    }
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let mut err = std::io::stderr().lock();
    let _closed = if err.is_terminal() {
        write!(err, "\r\x1b[2K  … {part}: {step}").and_then(|()| err.flush())
    } else if last.is_none_or(|at| at.elapsed() >= EVERY) {
        *last = Some(Instant::now());
        writeln!(err, "  … {part}: {step}")
    } else {
        Ok(())
    };
}

/// Wipes the line, so that what comes next begins on a clean one.
pub fn done() {
    let mut err = std::io::stderr().lock();
    if err.is_terminal() {
        let _closed = write!(err, "\r\x1b[2K").and_then(|()| err.flush());
    }
}
