//! What the demo prints: messages as their readers would see them, and what happens around them.
//! Colour only on a terminal; the words say everything without it.
#![expect(
    clippy::print_stdout,
    reason = "the demo is for whoever sits before it"
)]

use std::io::IsTerminal;
use std::time::Duration;

use super::jobs::Job;
use crate::mail::Mail;
use crate::progress;
use crate::salt::Salt;
use crate::slack::reader;
use crate::stack::Stack;

/// How many messages have been shown.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    slack: usize,
    mails: usize,
}

impl Inbox {
    /// Shows what has come since the last call.
    pub(super) fn show_new(&mut self, stack: &Stack<Salt>) -> anyhow::Result<()> {
        let posted = stack.slack.posted();
        for message in posted.iter().skip(self.slack) {
            boxed("Slack, #ops", "35", &reader::plain(message));
        }
        self.slack = posted.len();
        let mails = stack.mail.mails()?;
        for mail in mails.iter().skip(self.mails) {
            boxed(
                &format!("mail to {}", mail.to.join(", ")),
                "36",
                &letter(mail),
            );
        }
        self.mails = mails.len();
        Ok(())
    }
}

fn letter(mail: &Mail) -> String {
    format!("Subject: {}\n\n{}", mail.subject, mail.text.trim_end())
}

/// A message in a box that is open on its right, so that lines can be copied.
fn boxed(reader: &str, colour: &str, text: &str) {
    progress::done();
    println!("\n  {}", paint(colour, &format!("┌ {reader}")));
    for line in text.lines() {
        println!("  {} {line}", paint(colour, "│"));
    }
    println!("  {}", paint(colour, "└"));
}

pub(super) fn title(text: &str) {
    progress::done();
    println!("\n{}", paint("1", &format!("▸ {text}")));
}

pub(super) fn job(job: &Job) {
    title(job.name);
    if let Some(minion) = job.without {
        println!("  ({minion} is stopped)");
    }
    let (target, rest) = job.salt.split_first().unwrap_or((&"", &[]));
    println!("  $ salt '{target}' {}", rest.join(" "));
}

pub(super) fn complaints(lines: &[String]) {
    if !lines.is_empty() {
        title("warnings and errors in the programs' logs");
        lines.iter().for_each(|line| println!("  {line}"));
    }
}

pub(super) fn times(steps: &[(String, Duration)]) {
    title("how long it took");
    for (step, took) in steps {
        println!("  {:>6.1} s  {step}", took.as_secs_f64());
    }
}

pub(super) fn tally(lines: &[(bool, String)]) {
    title("what came");
    for (right, line) in lines {
        if *right {
            println!("  {} {line}", paint("32", "✓"))
        } else {
            println!("  {} {line}", paint("31", "✗"))
        }
    }
}

pub(super) fn right(text: &str) {
    println!("\n{}", paint("32;1", &format!("✓ {text}")));
}

pub(super) fn wrong(text: &str) {
    progress::done();
    println!("\n{}", paint("31;1", &format!("✗ {text}")));
}

pub(super) fn invitation(stack: &Stack<Salt>) {
    title("everything keeps running; try it");
    let (programs, config) = (
        stack.master.programs().display(),
        stack.master.master_config(),
    );
    println!(
        "  $ {programs}/salt -c {} '*' state.apply nginx",
        config.display()
    );
    println!(
        "  configurations and logs: {}",
        stack.scratch().path().display()
    );
    println!("  nats: {}", stack.nats.url());
    println!("  Ctrl-C ends it all");
}

fn paint(colour: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
