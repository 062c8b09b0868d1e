//! A mail server of a few lines, and what an attempt makes of its replies.
//! It is no judge of mails: real servers are, end to end.

use std::sync::{Arc, Mutex};

use pillarbox_proto::delivery::Receipt;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::*;
use crate::receiver::tests::{delivery, letter};

const PASSWORD: &str = "never-to-be-seen";

pub(crate) fn mailbox(port: u16) -> Mailbox {
    let to = ["good@x.org", "nouser@x.org", "grey@x.org"];
    Mailbox {
        smtp: SmtpServer {
            host: "127.0.0.1".into(),
            port,
            tls: Tls::None,
            login: None,
        },
        from: "Salt <salt@example.com>".parse().unwrap(),
        to: to.iter().map(|to| to.parse().unwrap()).collect(),
    }
}

fn with_login(port: u16) -> Mailbox {
    let mut mailbox = mailbox(port);
    mailbox.smtp.login = Some(("salt".into(), PASSWORD.into()));
    mailbox
}

/// Answers each command by the first row whose beginning it has; an empty answer hangs up. What it heard is kept.
async fn server(
    replies: &'static [(&'static str, &'static str)],
) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = "greeting".to_owned();
            loop {
                let row = replies
                    .iter()
                    .find(|(command, _)| line.starts_with(command));
                let reply = row.map_or("250 2.0.0 fine", |(_, reply)| reply);
                log.lock().unwrap().push(line.trim_end().to_owned());
                if reply.is_empty()
                    || stream
                        .write_all(format!("{reply}\r\n").as_bytes())
                        .await
                        .is_err()
                {
                    break;
                }
                line.clear();
                while stream.read_line(&mut line).await.is_ok_and(|n| n > 0) {
                    if !reply.starts_with("354") || line == ".\r\n" {
                        break;
                    }
                    line.clear();
                }
                if line.is_empty() {
                    break;
                }
            }
        }
    });
    (port, heard)
}

async fn attempt(mailbox: &Mailbox, receipt: Option<&Receipt>) -> Attempt {
    let delivery = delivery();
    let letter = Letter {
        receipt,
        ..letter(&delivery)
    };
    Sender::new(mailbox, TimeZone::UTC)
        .unwrap()
        .attempt(&letter)
        .await
}

const GREETING: (&str, &str) = ("greeting", "220 double");
const EHLO: (&str, &str) = (
    "EHLO",
    "250-double\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 100000",
);

#[tokio::test]
async fn each_recipient_has_its_own_result() {
    let rows = &[
        GREETING,
        EHLO,
        ("RCPT TO:<nouser", "550 5.1.1 User unknown"),
        ("RCPT TO:<grey", "450 4.7.1 Greylisted"),
        ("DATA", "354 go on"),
        (".", "250 2.0.0 queued as 42"),
    ];
    let (port, heard) = server(rows).await;
    let first = attempt(&mailbox(port), None).await;
    let Attempt::Partly {
        receipt, at_least, ..
    } = first
    else {
        panic!("{first:?}")
    };
    assert_eq!(at_least, Duration::from_secs(60));
    let Receipt::Smtp {
        recipients,
        reply,
        message_id,
    } = &receipt
    else {
        panic!("{receipt:?}")
    };
    assert_eq!(recipients["good@x.org"], "250 2.0.0 queued as 42");
    assert_eq!(recipients["nouser@x.org"], "550 5.1.1 User unknown");
    assert_eq!(
        (recipients.len(), reply.as_str()),
        (2, "250 2.0.0 queued as 42")
    );
    assert!(message_id.ends_with(".1@example.com"), "{message_id}");
    heard.lock().unwrap().clear();
    let second = attempt(&mailbox(port), Some(&receipt)).await;
    assert!(matches!(second, Attempt::Retry { .. }), "{second:?}");
    let heard = heard.lock().unwrap();
    let asked: Vec<&String> = heard
        .iter()
        .filter(|line| line.starts_with("RCPT"))
        .collect();
    assert_eq!(asked, ["RCPT TO:<grey@x.org>"]);
}

#[tokio::test]
async fn only_what_follows_the_mail_is_ambiguous() {
    let dropped = [GREETING, EHLO, ("DATA", "354 go on"), (".", "")];
    let (port, _) = server(Box::leak(Box::new(dropped))).await;
    let after = attempt(&mailbox(port), None).await;
    assert!(matches!(after, Attempt::Ambiguous { .. }), "{after:?}");
    let (port, _) = server(&[GREETING, EHLO, ("DATA", "")]).await;
    let before = attempt(&mailbox(port), None).await;
    assert!(matches!(before, Attempt::Unreached { .. }), "{before:?}");
    let nobody = attempt(&mailbox(1), None).await;
    assert!(matches!(nobody, Attempt::Unreached { .. }), "{nobody:?}");
}

#[tokio::test]
async fn a_mail_over_the_servers_size_is_not_sent() {
    let (port, heard) = server(&[GREETING, ("EHLO", "250-double\r\n250 SIZE 100")]).await;
    let large = attempt(&mailbox(port), None).await;
    assert!(matches!(large, Attempt::TooLarge { .. }), "{large:?}");
    assert!(
        !heard
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.starts_with("MAIL"))
    );
}

#[tokio::test]
async fn starttls_is_required_where_it_is_asked_for() {
    let (port, heard) = server(&[GREETING, EHLO]).await;
    let mut mailbox = with_login(port);
    mailbox.smtp.tls = Tls::StartTls;
    let plain = attempt(&mailbox, None).await;
    assert!(matches!(plain, Attempt::Broken { .. }), "{plain:?}");
    assert!(
        !heard
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.starts_with("AUTH"))
    );
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let echo = [
        GREETING,
        EHLO,
        ("AUTH", "535 5.7.8 never-to-be-seen is wrong"),
    ];
    let (port, _) = server(Box::leak(Box::new(echo))).await;
    let mailbox = with_login(port);
    let broken = attempt(&mailbox, None).await;
    let texts = format!("{broken:?} {mailbox:?}");
    assert!(matches!(broken, Attempt::Broken { .. }), "{broken:?}");
    assert!(
        texts.contains("is wrong") && !texts.contains(PASSWORD),
        "{texts}"
    );
}
