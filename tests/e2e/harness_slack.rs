//! The double of Slack: it records, judges, and fails as it is told.
//! The sender here is a socket, so that no HTTP client stands between.

use std::time::Duration;

use pillarbox_e2e::slack::{Fault, Slack, TOKEN};
use pillarbox_e2e::wait::until;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Posts a body and returns the whole answer; an empty one if the connection was closed instead.
async fn posted(slack: &Slack, body: &str) -> String {
    sent(&slack.webhook_url(), "", body).await
}

/// Calls a method of the Web API as a bot, and returns the answer's body.
async fn called(slack: &Slack, method: &str, body: &Value) -> Value {
    let url = format!("{}{method}", slack.api_url());
    let header = format!("authorization: Bearer {TOKEN}\r\n");
    let answer = sent(&url, &header, &body.to_string()).await;
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

async fn sent(url: &str, header: &str, body: &str) -> String {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\n{header}connection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
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
async fn a_bot_posts_changes_and_answers_in_threads() {
    let slack = Slack::start().await.unwrap();
    let check = async |method: &str, body: Value, expect: &str| {
        let answer = called(&slack, method, &body).await;
        assert_eq!(answer["error"], expect, "{method} {body}: {answer}");
    };
    let post = json!({"channel": "#ops", "text": "first"});
    let answer = called(&slack, "chat.postMessage", &post).await;
    let (channel, ts) = (answer["channel"].clone(), answer["ts"].clone());
    assert_eq!((&answer["ok"], &channel), (&true.into(), &"C0OPS".into()));
    let reply = json!({"channel": channel, "text": "reply", "thread_ts": ts});
    assert_eq!(called(&slack, "chat.postMessage", &reply).await["ok"], true);
    let update = json!({"channel": channel, "text": "second", "ts": ts});
    assert_eq!(called(&slack, "chat.update", &update).await["ok"], true);
    let messages = slack.messages();
    assert_eq!((messages.len(), messages[0].changes), (1, 1));
    assert_eq!(messages[0].body["text"], "second");
    assert_eq!(messages[0].replies, [reply]);

    let gone = json!({"channel": channel, "text": "a", "ts": "1.0"});
    check("chat.update", gone, "message_not_found").await;
    let by_name = json!({"channel": "#ops", "text": "a", "ts": ts});
    check("chat.update", by_name, "channel_not_found").await;
    let long = json!({"channel": channel, "text": "x".repeat(4001), "ts": ts});
    check("chat.update", long, "msg_too_long").await;
    let nowhere = json!({"channel": "#nowhere", "text": "a"});
    check("chat.postMessage", nowhere, "channel_not_found").await;
    let lost = json!({"channel": "#ops", "text": "a", "thread_ts": "1.0"});
    check("chat.postMessage", lost, "thread_not_found").await;
    let blocks = json!({"channel": "#ops", "text": "a", "blocks": [{"type": "sektion"}]});
    check("chat.postMessage", blocks, "invalid_blocks").await;
    check("chat.imagine", post.clone(), "unknown_method").await;
    slack.revoke(true);
    check("chat.postMessage", post, "token_revoked").await;
    let nobody = sent(&format!("{}chat.postMessage", slack.api_url()), "", "{}").await;
    assert!(
        nobody.ends_with(r#"{"error":"not_authed","ok":false}"#),
        "{nobody}"
    );
    assert_eq!(slack.messages().len(), 1);
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
