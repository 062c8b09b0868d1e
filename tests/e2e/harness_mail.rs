//! The mail sink: it keeps what it takes, answers as it is told, and forgets nothing.
//! The sender here is a socket and a few lines of SMTP, so that no mail library stands between.

use pillarbox_e2e::mail::{MailScript, MailSink};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const MAIL: &str = "From: Salt <salt@example.com>\r\nTo: ops@example.com\r\nSubject: =?utf-8?q?f=C3=BCr_alle?=\r\n\r\nHello\r\n.\r\n";

/// Says each line in turn and returns the last answer; an empty one if the connection was closed instead.
async fn said(sink: &MailSink, lines: &[&str]) -> String {
    let mut stream = BufReader::new(
        TcpStream::connect(("127.0.0.1", sink.port()))
            .await
            .unwrap(),
    );
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    for line in lines {
        stream.write_all(line.as_bytes()).await.unwrap();
        answer.clear();
        if stream.read_line(&mut answer).await.unwrap_or(0) == 0 {
            return String::new();
        }
    }
    answer
}

async fn sent(sink: &MailSink) -> String {
    let envelope = [
        "HELO a\r\n",
        "MAIL FROM:<salt@example.com>\r\n",
        "RCPT TO:<ops@example.com>\r\n",
    ];
    said(sink, &[&envelope[..], &["DATA\r\n", MAIL]].concat()).await
}

#[tokio::test]
async fn a_mail_is_kept_with_its_envelope() {
    let sink = MailSink::start().await.unwrap();
    assert_eq!(sent(&sink).await, "250 2.0.0 Ok: queued as 000001\r\n");
    let mails = sink.mails().unwrap();
    let [mail] = mails.as_slice() else {
        panic!("{mails:?}")
    };
    assert_eq!(mail.from, "salt@example.com");
    assert_eq!(mail.to, ["ops@example.com"]);
    assert_eq!(mail.subject, "für alle");
    assert_eq!(mail.text, "Hello\r\n");
    assert_eq!(mail.html, "");
}

#[tokio::test]
async fn the_sink_does_as_it_is_told() {
    let sink = MailSink::start().await.unwrap();
    let orders = ["451 4.3.0 later", "drop", "accept-drop"];
    let rcpt = [("no@example.com".to_owned(), "550 5.1.1 unknown".to_owned())];
    sink.obey(&MailScript {
        rcpt: rcpt.into(),
        data: orders.map(str::to_owned).to_vec(),
        ..MailScript::default()
    })
    .unwrap();
    let refused = [
        "HELO a\r\n",
        "MAIL FROM:<a@example.com>\r\n",
        "RCPT TO:<no@example.com>\r\n",
    ];
    assert_eq!(said(&sink, &refused).await, "550 5.1.1 unknown\r\n");
    assert_eq!(sent(&sink).await, "451 4.3.0 later\r\n");
    assert_eq!(sent(&sink).await, "");
    assert_eq!(sink.mails().unwrap().len(), 0);
    assert_eq!(sent(&sink).await, "");
    assert_eq!(sink.mails().unwrap().len(), 1);
    assert!(sent(&sink).await.starts_with("250 "));
    assert_eq!(
        sink.attempts(),
        ["451 4.3.0 later", "drop", "accept-drop", "accept"]
    );
}
