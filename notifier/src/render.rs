//! What people read: a notification as a Slack message and as a mail, with the same words.
//! It sends nothing, keeps nothing and decides nothing: facts and the reader's zone in, a letter out.
//!
//! In the order a letter is made: `excerpt` makes untrusted text fit to show, `names`, `time`, `why`, `words` and
//! `title` say one thing each, [`template`] lets a route say its own, `next` says what can be pasted, `section` tells a finding, `letter` puts all in order, [`slack`] and [`email`] lay it out.

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::Notification;
use pillarbox_proto::subject::hash;

use template::Words;

mod excerpt;

mod names;

mod time;

mod why;

mod words;

mod title;

mod next;

mod section;

mod letter;

pub mod template;

pub mod slack;

pub mod email;

mod html;

/// Hash of what a reader would see, whichever version it is: the same hash, nothing new to say.
pub fn seen(notification: &Notification, zone: &TimeZone, words: &Words) -> String {
    let mail = email::mail(notification, zone, false, words);
    let slack = slack::message(notification, zone, false, words).to_string();
    hash([mail.subject.as_str(), mail.text.as_str(), slack.as_str()])
}
