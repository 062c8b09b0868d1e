//! Who of a mail's recipients is settled, who is left, and what that makes of the attempt.
//! It reads no reply: `reply` did.

use std::collections::BTreeMap;
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use pillarbox_proto::delivery::Receipt;

use super::reply::SLOWLY;
use crate::receiver::{Attempt, said};

/// The recipients of one version of one mail.
#[derive(Debug, Default)]
pub(super) struct Recipients {
    message_id: String,
    all: Vec<Address>,
    /// The last word on each that has one.
    settled: BTreeMap<String, String>,
    /// How many of them this attempt settled.
    new: usize,
    left: Vec<(Left, String)>,
}

/// Why a recipient is not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Not now.
    Later {
        /// Not before this.
        at_least: Duration,
    },
    /// The server will not, before a person has done something.
    Broken,
}

impl Recipients {
    /// Those of this mail, without whom an attempt before settled: its receipt is of the same mail.
    pub(super) fn new(to: &[Mailbox], receipt: Option<&Receipt>, message_id: String) -> Recipients {
        let settled = match receipt {
            Some(Receipt::Smtp {
                message_id: id,
                recipients,
                ..
            }) if *id == message_id => recipients.clone(),
            _ => BTreeMap::new(),
        };
        let mut all: Vec<Address> = to.iter().map(|to| to.email.clone()).collect();
        all.sort();
        all.dedup();
        Recipients {
            message_id,
            all,
            settled,
            ..Recipients::default()
        }
    }

    /// Those who are not settled.
    pub(super) fn open(&self) -> Vec<Address> {
        let open = |address: &&Address| !self.settled.contains_key(AsRef::<str>::as_ref(*address));
        self.all.iter().filter(open).cloned().collect()
    }

    /// The last word: it has the mail (2xx), or never will (5xx).
    pub(super) fn settled(&mut self, address: Address, reply: &str) {
        self.new += 1;
        self.settled.insert(address.to_string(), said(reply));
    }

    /// Not the last word.
    pub(super) fn left(&mut self, address: Address, left: Left, reply: &str) {
        self.left.push((left, format!("{address}: {reply}")));
    }

    /// What the attempt came to.
    pub(super) fn attempt(self, reply: &str) -> Attempt {
        let has_it = self.settled.values().any(|reply| reply.starts_with('2'));
        let why = self.why();
        let receipt = Receipt::Smtp {
            message_id: self.message_id,
            reply: said(reply),
            recipients: self.settled,
        };
        if self.left.is_empty() {
            return if has_it {
                Attempt::Delivered(receipt)
            } else {
                Attempt::Refused { why }
            };
        }
        let waits = self.left.iter().map(|(left, _)| match left {
            Left::Later { at_least } => *at_least,
            Left::Broken => SLOWLY,
        });
        let at_least = waits.min().unwrap_or_default();
        let broken = self.left.iter().all(|(left, _)| *left == Left::Broken);
        match (self.new > 0, broken && !has_it) {
            (true, _) => Attempt::Partly {
                receipt,
                at_least,
                why,
            },
            // Where somebody has got this mail the destination works: one bad mailbox blocks nobody.
            (false, false) => Attempt::Retry { at_least, why },
            (false, true) => Attempt::Broken { why },
        }
    }

    fn why(&self) -> String {
        let refused = self
            .settled
            .iter()
            .filter(|(_, reply)| !reply.starts_with('2'));
        let refused = refused.map(|(address, reply)| format!("{address}: {reply}"));
        let left = self.left.iter().map(|(_, why)| why.clone());
        said(&left.chain(refused).collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Left = Left::Later {
        at_least: Duration::from_secs(60),
    };

    fn recipients(receipt: Option<&Receipt>) -> Recipients {
        let to: Vec<Mailbox> = ["a@x.org", "b@x.org", "c@x.org"]
            .iter()
            .map(|to| to.parse().unwrap())
            .collect();
        Recipients::new(&to, receipt, "id".into())
    }

    fn address(name: &str) -> Address {
        format!("{name}@x.org").parse().unwrap()
    }

    fn check(settled: &[(&str, &str)], left: &[(&str, Left)], expect: &str) -> Attempt {
        let mut recipients = recipients(None);
        for (name, reply) in settled {
            recipients.settled(address(name), reply);
        }
        for (name, why) in left {
            recipients.left(address(name), *why, "451 later");
        }
        let attempt = recipients.attempt("250 queued");
        assert!(format!("{attempt:?}").starts_with(expect), "{attempt:?}");
        attempt
    }

    #[test]
    fn one_bad_mailbox_blocks_nobody() {
        check(
            &[("a", "250"), ("b", "250"), ("c", "250")],
            &[],
            "Delivered",
        );
        check(
            &[("a", "250"), ("b", "550 5.1.1 unknown"), ("c", "250")],
            &[],
            "Delivered",
        );
        check(&[("a", "550"), ("b", "550"), ("c", "550")], &[], "Refused");
        check(
            &[("a", "250")],
            &[("b", LATER), ("c", Left::Broken)],
            "Partly",
        );
        check(
            &[("a", "550")],
            &[("b", Left::Broken), ("c", Left::Broken)],
            "Partly",
        );
        check(
            &[],
            &[("a", LATER), ("b", Left::Broken), ("c", LATER)],
            "Retry",
        );
        check(
            &[],
            &[
                ("a", Left::Broken),
                ("b", Left::Broken),
                ("c", Left::Broken),
            ],
            "Broken",
        );
    }

    #[test]
    fn those_who_have_it_are_not_asked_again() {
        let partly = check(&[("a", "250"), ("b", "550")], &[("c", LATER)], "Partly");
        let Attempt::Partly {
            receipt,
            at_least,
            why,
        } = partly
        else {
            unreachable!()
        };
        assert_eq!(
            (at_least, why.as_str()),
            (Duration::from_secs(60), "c@x.org: 451 later; b@x.org: 550")
        );
        let mut second = recipients(Some(&receipt));
        assert_eq!(second.open(), [address("c")]);
        second.left(address("c"), Left::Broken, "550 5.7.1 policy");
        assert!(
            matches!(second.attempt(""), Attempt::Retry { at_least, .. } if at_least == SLOWLY)
        );
        let mut third = recipients(Some(&receipt));
        third.settled(address("c"), "250 queued");
        let Attempt::Delivered(Receipt::Smtp {
            recipients: all, ..
        }) = third.attempt("250 queued")
        else {
            panic!()
        };
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn a_receipt_of_another_version_settles_nobody() {
        let other = Receipt::Smtp {
            message_id: "another".into(),
            reply: "250".into(),
            recipients: [("a@x.org".to_owned(), "250".to_owned())].into(),
        };
        assert_eq!(recipients(Some(&other)).open().len(), 3);
    }
}
