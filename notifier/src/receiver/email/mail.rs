//! The mail itself: headers that thread, filter and keep robots quiet, around words from `render`.
//! It writes none of the words and sends nothing.

use std::time::SystemTime;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Message, MessageBuilder, MultiPart};
use pillarbox_proto::subject::{Token, hash};

use super::Mailbox;
use crate::receiver::{Letter, job};
use crate::render::email::Mail;

/// Longest value of a header of ours, in characters.
const LONGEST_HEADER: usize = 200;

/// A mail's `Message-ID` without brackets: the same whenever the same version is sent, so that stores may collapse it.
pub(super) fn message_id(mailbox: &Mailbox, letter: &Letter<'_>) -> String {
    let (key, version) = (letter.delivery.key.hash(), letter.delivery.version);
    format!("{key}.{version}@{}", mailbox.from.email.domain())
}

/// Builds the mail: with text and HTML, or in its smaller form with text alone.
pub(super) fn compose(
    mailbox: &Mailbox,
    letter: &Letter<'_>,
    content: Mail,
) -> Result<Vec<u8>, lettre::error::Error> {
    let key = &letter.delivery.key;
    let domain = mailbox.from.email.domain();
    // All mails of a job answer one mail that was never sent: Outlook threads by `References` and `In-Reply-To` both.
    let root = format!(
        "<{}.root@{domain}>",
        hash([key.cluster.as_str(), key.job.as_str()])
    );
    let mut builder = Message::builder()
        .from(mailbox.from.clone())
        .subject(plain(&content.subject, 900))
        .message_id(Some(format!("<{}>", message_id(mailbox, letter))))
        .in_reply_to(root.clone())
        .references(root)
        .date(SystemTime::from(letter.now));
    for to in &mailbox.to {
        builder = builder.to(to.clone());
    }
    let builder = ours(builder, letter, domain);
    let message = if letter.smaller {
        builder.body(content.text)?
    } else {
        builder.multipart(MultiPart::alternative_plain_html(
            content.text,
            content.html,
        ))?
    };
    Ok(message.formatted())
}

/// What robots and filters read.
fn ours(builder: MessageBuilder, letter: &Letter<'_>, domain: &str) -> MessageBuilder {
    let job = job(&letter.delivery.notification);
    let cluster = Token::new(&job.cluster);
    let target = job.target.as_ref().map(ToString::to_string);
    [
        ("Auto-Submitted", Some("auto-generated".to_owned())), // RFC 3834: no vacation replies
        ("X-Auto-Response-Suppress", Some("All".to_owned())),  // the same for Exchange
        (
            "List-Id",
            Some(format!("Salt {cluster} <{cluster}.salt.{domain}>")),
        ),
        ("X-Salt-Jid", Some(job.jid.to_string())),
        ("X-Salt-Fun", Some(job.fun.to_string())),
        ("X-Salt-Target", target),
        ("X-Salt-Cluster", Some(job.cluster.clone())),
        ("X-Pillarbox-Route", Some(letter.delivery.key.route.clone())),
    ]
    .into_iter()
    .fold(builder, |builder, (name, value)| match value {
        Some(value) => builder.raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str(name),
            plain(&value, LONGEST_HEADER),
        )),
        None => builder,
    })
}

/// One line without controls, bounded.
fn plain(text: &str, longest: usize) -> String {
    let spaced = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    spaced.take(longest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::email::tests::mailbox;
    use crate::receiver::tests::{delivery, letter};

    fn content() -> Mail {
        Mail {
            subject: "Salt: state.apply\r\nBcc: all@example.com".into(),
            text: "größer\n.\nend".into(),
            html: "<p>größer</p>".into(),
        }
    }

    #[test]
    fn headers_thread_filter_and_quieten() {
        let delivery = delivery();
        let mail = compose(&mailbox(25), &letter(&delivery), content()).unwrap();
        let mail = String::from_utf8(mail).unwrap();
        let key = delivery.key.hash();
        let job = hash(["prod", "20261122130211654321"]);
        for line in [
            "Subject: Salt: state.apply  Bcc: all@example.com\r\n".to_owned(),
            format!("Message-ID: <{key}.1@example.com>\r\n"),
            format!("In-Reply-To: <{job}.root@example.com>\r\n"),
            format!("References: <{job}.root@example.com>\r\n"),
            "Date: Sun, 22 Nov 2026 13:02:13 +0000\r\n".to_owned(),
            "Auto-Submitted: auto-generated\r\n".to_owned(),
            "X-Auto-Response-Suppress: All\r\n".to_owned(),
            "List-Id: Salt prod <prod.salt.example.com>\r\n".to_owned(),
            "X-Salt-Jid: 20261122130211654321\r\n".to_owned(),
            "X-Salt-Fun: state.apply\r\n".to_owned(),
            "X-Salt-Target: web*\r\n".to_owned(),
            "X-Pillarbox-Route: audit\r\n".to_owned(),
            "MIME-Version: 1.0\r\n".to_owned(),
            "Content-Type: multipart/alternative;".to_owned(),
        ] {
            assert!(mail.contains(&line), "{line} is not in\n{mail}");
        }
        assert!(mail.is_ascii() && mail.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn the_smaller_form_is_text_alone() {
        let delivery = delivery();
        let smaller = Letter {
            smaller: true,
            ..letter(&delivery)
        };
        let mail = compose(&mailbox(25), &smaller, content()).unwrap();
        let mail = String::from_utf8(mail).unwrap();
        assert!(
            !mail.contains("multipart") && !mail.contains("html"),
            "{mail}"
        );
    }
}
