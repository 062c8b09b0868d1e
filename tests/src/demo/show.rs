//! What the demo prints: messages as their readers would see them, and what happens around them.
//! Colour only on a terminal; the words say everything without it.
#![expect(
    clippy::print_stdout,
    reason = "the demo is for whoever sits before it"
)]

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use super::stage::Act;
use crate::mail::Mail;
use crate::progress;
use crate::salt::Salt;
use crate::stack::Stack;

/// A Slack message, and whether it is a new form of one that came before.
pub(super) fn message(channel: &str, changed: bool, in_thread: bool, text: &str) {
    let thread = if in_thread { ", in a thread" } else { "" };
    let changed = if changed { ", changed" } else { "" };
    boxed(&format!("Slack, {channel}{thread}{changed}"), "35", text);
}

pub(super) fn mail(mail: &Mail) {
    let letter = format!("Subject: {}\n\n{}", mail.subject, mail.text.trim_end());
    boxed(&format!("mail to {}", mail.to.join(", ")), "36", &letter);
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

pub(super) fn command(act: &Act) {
    if let Some(note) = &act.note {
        println!("  ({note})");
    }
    println!("  $ {}", act.command);
}

/// Where the page is: the one line that nobody may miss.
pub(super) fn page(url: &str) {
    println!(
        "\n{}",
        paint("1;34", &format!("▸ see it in a browser: {url}"))
    );
}

pub(super) fn outside(said: &[String]) {
    for who in said {
        println!("  also sent to {who}");
    }
}

pub(super) fn replay(said: &str) {
    progress::done();
    println!("\n{}", paint("33;1", &format!("▸ {said}")));
}

pub(super) fn no_salt(why: &anyhow::Error) {
    wrong(&format!(
        "there is no Salt, so a recording is played instead: {why:#}"
    ));
}

pub(super) fn picture(file: &Path) {
    println!("  {}", file.display());
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

pub(super) fn invitation(salt: &Salt) {
    title("everything keeps running; try it");
    let (programs, config) = (salt.programs().display(), salt.master_config());
    println!(
        "  $ {programs}/salt -c {} '*' state.apply nginx",
        config.display()
    );
}

pub(super) fn what_runs<M>(stack: &Stack<M>, page: &str) {
    println!("\n  the page: {}", paint("1;34", page));
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
