//! The double of Slack: it records, judges, and fails as it is told.
//! The sender here is a socket, so that no HTTP client stands between.

use std::time::Duration;

use pillarbox_e2e::slack::{Fault, Slack};
use pillarbox_e2e::wait::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Posts a body and returns the whole answer; an empty one if the connection was closed instead.
async fn posted(slack: &Slack, body: &str) -> String {
    let url = slack.webhook_url();
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap_or_default();
    answer
}

#[tokio::test]
async fn messages_are_recorded_and_judged() {
    let slack = Slack::start().await.unwrap();
    let answer = posted(&slack, r#"{"text": "a"}"#).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok"),
        "{answer}"
    );
    assert!(
        answer.to_lowercase().contains("content-type: text/plain"),
        "{answer}"
    );
    assert!(posted(&slack, "{}").await.ends_with("\r\n\r\nno_text"));
    assert!(
        posted(&slack, "{")
            .await
            .ends_with("\r\n\r\ninvalid_payload")
    );
    assert_eq!(slack.posted(), [serde_json::json!({"text": "a"})]);
    let answers: Vec<_> = slack
        .requests()
        .into_iter()
        .filter_map(|it| it.answer)
        .collect();
    let expect = [(200, "ok"), (400, "no_text"), (400, "invalid_payload")];
    assert_eq!(
        answers,
        expect.map(|(status, text)| (status, text.to_owned()))
    );
    let first = slack.requests().remove(0);
    assert!(first.path.starts_with("/services/T"));
    assert!(
        first
            .headers
            .contains(&("content-type".to_owned(), "application/json".to_owned()))
    );
}

#[tokio::test]
async fn faults_come_in_order_and_then_end() {
    let slack = Slack::start().await.unwrap();
    slack.fail_with([
        Fault::Answer(500, "rollup_error".to_owned()),
        Fault::RateLimited(Duration::from_secs(7)),
        Fault::Drop,
        Fault::PostAndDrop,
        Fault::Hang,
    ]);
    let body = r#"{"text": "a"}"#;
    assert!(posted(&slack, body).await.ends_with("\r\n\r\nrollup_error"));
    assert!(
        posted(&slack, body)
            .await
            .to_lowercase()
            .contains("retry-after: 7\r\n")
    );
    assert_eq!(posted(&slack, body).await, "");
    assert_eq!(slack.posted().len(), 0);
    assert_eq!(posted(&slack, body).await, "");
    assert_eq!(slack.posted().len(), 1);
    tokio::select! {
        answer = posted(&slack, body) => panic!("{answer}"),
        hung = until(Duration::from_secs(5), "the fifth request", async || (slack.requests().len() == 5).then_some(())) => hung.unwrap(),
    }
    assert!(posted(&slack, body).await.ends_with("\r\n\r\nok"));
    assert_eq!(slack.posted().len(), 2);
}
