//! What a mail server's reply means: DELIVERY.md §C3 as a function of stage, code and enhanced code.
//! It opens no connection and decides no retry.

use std::time::Duration;

/// Greylisting: whoever comes back sooner is refused again, or for longer.
const GREYLISTED: Duration = Duration::from_secs(60);
/// A full mailbox, a recipient that this server may not reach: seldom better within minutes.
pub(super) const SLOWLY: Duration = Duration::from_secs(900);

/// How far a session had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Greeting, `EHLO`, `STARTTLS`.
    Session,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`, before the mail.
    Data,
    /// After the mail's last dot.
    Body,
}

/// What a reply means: for one recipient at [`Stage::Rcpt`], else for the mail or for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The server is in trouble, for anybody.
    Busy,
    /// Not now.
    Later {
        /// Not before this.
        at_least: Duration,
    },
    /// Too large a mail.
    TooLarge,
    /// A person must do something: credentials, policy, sender.
    Broken,
    /// Never.
    Refused,
}

/// Reads a reply that is not positive.
pub(super) fn meaning(stage: Stage, code: u16, text: &str) -> Meaning {
    let enhanced = enhanced(text);
    match (code, stage) {
        (421, _) => Meaning::Busy,
        (400..=499, Stage::Session | Stage::Auth | Stage::Mail) => Meaning::Busy,
        (400..=499, _) => later(stage, code, enhanced),
        (530 | 534 | 535 | 538, _) | (_, Stage::Session | Stage::Auth) => Meaning::Broken,
        (_, Stage::Rcpt) => recipient(code, enhanced),
        _ => mail(stage, code, enhanced),
    }
}

fn later(stage: Stage, code: u16, enhanced: &str) -> Meaning {
    let at_least = match (code, enhanced) {
        (_, "4.5.3") => Duration::ZERO, // too many recipients at once: the others go on
        (_, "4.2.2") => SLOWLY,
        (450 | 451, _) if stage == Stage::Rcpt => GREYLISTED,
        (_, enhanced) if enhanced.starts_with("4.7.") => GREYLISTED,
        _ => Duration::ZERO,
    };
    Meaning::Later { at_least }
}

/// A 5xx at `RCPT`: one bad mailbox is its own affair.
fn recipient(code: u16, enhanced: &str) -> Meaning {
    match (code, enhanced) {
        (_, "5.2.2") => Meaning::Later { at_least: SLOWLY }, // full: permanent by the letter, temporary in practice
        (_, "5.2.3") => Meaning::Refused,
        // "Too many recipients": RFC 5321 §4.5.3.1.10 says to read it as 452.
        (552, _) => Meaning::Later {
            at_least: Duration::ZERO,
        },
        (521, _) => Meaning::Broken,
        (_, enhanced) if enhanced.starts_with("5.7.") => Meaning::Broken,
        _ => Meaning::Refused,
    }
}

/// A 5xx at `MAIL`, `DATA` or after the mail.
fn mail(stage: Stage, code: u16, enhanced: &str) -> Meaning {
    match (code, enhanced) {
        (_, "5.3.4" | "5.2.3") | (523, _) => Meaning::TooLarge,
        (_, "5.2.2") => Meaning::Later { at_least: SLOWLY },
        (552, _) => Meaning::TooLarge,
        (_, enhanced) if enhanced.starts_with("5.7.") => Meaning::Broken,
        (521, _) => Meaning::Broken,
        (500..=504 | 555, _) => Meaning::Refused, // our mistake
        (_, _) if stage == Stage::Mail => Meaning::Broken, // the sender: the same for every mail
        _ => Meaning::Refused,
    }
}

/// The enhanced code at the beginning of a reply's text; empty if there is none.
fn enhanced(text: &str) -> &str {
    let word = text.split_whitespace().next().unwrap_or_default();
    let mut parts = word.split('.');
    let class = parts
        .next()
        .is_some_and(|class| matches!(class, "2" | "4" | "5"));
    let digits =
        |part: &str| matches!(part.len(), 1..=3) && part.bytes().all(|b| b.is_ascii_digit());
    let rest: Vec<&str> = parts.collect();
    if class && rest.len() == 2 && rest.into_iter().all(digits) {
        word
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Meaning = Meaning::Later {
        at_least: Duration::ZERO,
    };
    const GREY: Meaning = Meaning::Later {
        at_least: GREYLISTED,
    };
    const LONG: Meaning = Meaning::Later { at_least: SLOWLY };

    fn check(stages: &[Stage], replies: &[&str], expect: Meaning) {
        for stage in stages {
            for reply in replies {
                let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
                let got = meaning(*stage, code.parse().unwrap(), text);
                assert_eq!(got, expect, "{reply} at {stage:?}");
            }
        }
    }

    #[test]
    fn every_reply_has_its_meaning() {
        use Stage::{Auth, Body, Data, Mail, Rcpt, Session};
        let all = [Session, Auth, Mail, Rcpt, Data, Body];
        check(&all, &["421", "421 4.3.2 shutting down"], Meaning::Busy);
        check(
            &[Session, Auth, Mail],
            &["454 4.7.0 TLS not available", "451 4.3.0 x", "450"],
            Meaning::Busy,
        );
        check(
            &[Rcpt],
            &[
                "450 4.7.1 Greylisted, try again in 300 seconds",
                "451 4.3.0 x",
                "450",
            ],
            GREY,
        );
        check(&[Data, Body], &["451 4.7.1 greylisted"], GREY);
        check(
            &[Data, Body],
            &["451 4.3.0 x", "452 4.3.1 no space", "454", "455"],
            AT_ONCE,
        );
        check(
            &[Rcpt],
            &[
                "452 4.5.3 too many recipients",
                "552 too many recipients",
                "552 5.5.3 too many",
            ],
            AT_ONCE,
        );
        check(&[Rcpt], &["452 4.2.2 full", "552 5.2.2 full"], LONG);
        check(
            &[Mail, Data, Body],
            &["552 5.3.4 too big", "552", "523", "554 5.2.3 too long"],
            Meaning::TooLarge,
        );
        check(
            &[Rcpt],
            &[
                "550 5.1.1 User unknown",
                "550 5.1.10 x",
                "550",
                "551",
                "553",
                "556 5.1.10 null MX",
            ],
            Meaning::Refused,
        );
        check(
            &[Mail, Rcpt, Data, Body],
            &["550 5.7.1 policy", "554 5.7.26 DMARC"],
            Meaning::Broken,
        );
        check(
            &all,
            &[
                "535 5.7.8 bad credentials",
                "534",
                "530 5.7.0 authenticate first",
                "538",
            ],
            Meaning::Broken,
        );
        check(
            &[Session, Auth],
            &["500", "502 5.5.1 what", "504", "554 no service here", "521"],
            Meaning::Broken,
        );
        check(
            &[Mail, Rcpt, Data, Body],
            &["521 takes no mail"],
            Meaning::Broken,
        );
        check(
            &[Mail, Rcpt, Data, Body],
            &["500", "501 5.5.4 syntax", "503", "504", "555"],
            Meaning::Refused,
        );
        check(
            &[Mail],
            &["550 5.1.8 bad sender", "553 5.1.7 sender", "554"],
            Meaning::Broken,
        );
        check(
            &[Rcpt, Data, Body],
            &["541", "571", "554 5.6.0 x", "554"],
            Meaning::Refused,
        );
    }

    #[test]
    fn only_a_whole_enhanced_code_counts() {
        let check = |text: &str, expect: &str| assert_eq!(enhanced(text), expect, "{text}");
        check("5.1.1 User unknown", "5.1.1");
        check("User 5.1.1", "");
        check("5.1", "");
        check("5.1.1111 x", "");
        check("192.0.2.1 is listed", "");
        check("", "");
    }
}
