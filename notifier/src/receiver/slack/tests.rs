//! A Slack of a few lines, and what an attempt makes of its answers; no secret is ever shown.
//! It judges no message: the double of the end-to-end tests does.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::receiver::tests::{delivery, letter};
use crate::render::slack::{Icon, Style};

const SECRET: &str = "T000/B000/never-to-be-seen";
const TOKEN: &str = "xoxb-never-to-be-seen";

fn hook(origin: &str) -> Slack {
    let url = format!("{origin}/services/{SECRET}");
    Slack {
        poster: Poster::Webhook {
            url: url.into(),
            channel: None,
        },
        look: Look::default(),
    }
}

fn bot(origin: &str) -> Slack {
    Slack {
        poster: Poster::Bot {
            token: TOKEN.into(),
            api: format!("{origin}/api/").parse().unwrap(),
            channel: "#ops".into(),
        },
        look: Look::default(),
    }
}

fn sender(slack: &Slack) -> Sender {
    Sender::new(slack, TimeZone::UTC).unwrap()
}

/// Takes connections, reads a request of each, and answers these in order. What it heard is kept.
async fn double(answers: Vec<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = request(&mut stream).await;
            log.lock().unwrap().push(request);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (origin, heard)
}

async fn request(stream: &mut tokio::net::TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 16384]);
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if count == 0 || body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}

fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

fn said_yes() -> String {
    http("200 OK", "", r#"{"ok":true,"channel":"C0123","ts":"1.5"}"#)
}

fn said_no(word: &str) -> String {
    http("200 OK", "", &format!(r#"{{"ok":false,"error":"{word}"}}"#))
}

async fn attempt(slack: &Slack) -> Attempt {
    sender(slack).attempt(&letter(&delivery())).await
}

#[tokio::test]
async fn no_error_shows_a_secret() {
    let none = Slack {
        poster: Poster::Webhook {
            url: SECRET.into(),
            channel: None,
        },
        look: Look::default(),
    };
    let none = Sender::new(&none, TimeZone::UTC).unwrap_err();
    let mut shown = vec![format!("{none} {none:?}")];
    for (make, secret) in [(hook as fn(&str) -> Slack, SECRET), (bot, TOKEN)] {
        let nobody = make("http://127.0.0.1:1");
        shown.push(format!("{nobody:?} {:?}", sender(&nobody)));
        let refused = attempt(&nobody).await;
        assert!(matches!(refused, Attempt::Unreached { .. }), "{refused:?}");
        let location = format!("location: http://127.0.0.1:1/{secret}\r\n");
        let answers = vec![
            String::new(),
            http("302 Found", &location, ""),
            http(
                "404 Not Found",
                "",
                &format!("Cannot POST /services/{secret}"),
            ),
        ];
        let (origin, _) = double(answers).await;
        let slack = make(&origin);
        let dropped = attempt(&slack).await;
        assert!(matches!(dropped, Attempt::Ambiguous { .. }), "{dropped:?}");
        let moved = attempt(&slack).await;
        assert!(matches!(moved, Attempt::Broken { .. }), "{moved:?}");
        let echo = attempt(&slack).await;
        let says = |why: &str| why.contains("Cannot POST /");
        assert!(
            matches!(&echo, Attempt::Broken { why } if says(why)),
            "{echo:?}"
        );
        shown.push(format!("{refused:?} {dropped:?} {moved:?} {echo:?}"));
    }
    for shown in shown {
        assert!(!shown.contains("never-to-be-seen"), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_is_read_with_its_retry_after() {
    let throttled = http("429 Too Many Requests", "retry-after: 7\r\n", "");
    let (origin, _) = double(vec![throttled.clone(), throttled]).await;
    let seven = Some(Duration::from_secs(7));
    for slack in [hook(&origin), bot(&origin)] {
        let attempt = attempt(&slack).await;
        assert!(
            matches!(attempt, Attempt::Throttled { retry_after, .. } if retry_after == seven),
            "{attempt:?}"
        );
    }
}

#[tokio::test]
async fn a_bot_posts_and_then_changes_what_it_posted() {
    let (origin, heard) = double(vec![said_yes(), said_yes(), said_no("message_not_found")]).await;
    let mut slack = bot(&origin);
    slack.look = Look {
        style: Style::Classic { color: None },
        username: Some("salt-bot".into()),
        icon: Some(Icon::Emoji(":computer:".into())),
    };
    let (sender, delivery) = (sender(&slack), delivery());
    let Attempt::Delivered(receipt) = sender.attempt(&letter(&delivery)).await else {
        panic!("not delivered")
    };
    let mut later = delivery.clone();
    let Notification::Start(start) = &mut later.notification else {
        panic!("a start")
    };
    start.job.fun = pillarbox_proto::salt::Fun::One("state.highstate".into());
    let changing = |delivery| Letter {
        receipt: Some(&receipt),
        ..letter(delivery)
    };
    // The same again: nothing is sent, or the double would have the third answer for the next.
    assert_eq!(
        sender.attempt(&changing(&delivery)).await,
        Attempt::Delivered(receipt.clone())
    );
    let changed = sender.attempt(&changing(&later)).await;
    let Attempt::Delivered(changed) = changed else {
        panic!("{changed:?}")
    };
    assert_ne!(changed, receipt);
    let gone = sender.attempt(&changing(&later)).await;
    assert!(matches!(gone, Attempt::Unchangeable { .. }), "{gone:?}");

    let heard = heard.lock().unwrap();
    let [post, update, _] = &heard[..] else {
        panic!("{heard:#?}")
    };
    let body = |request: &str| -> Value {
        serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    assert!(post.starts_with("POST /api/chat.postMessage "), "{post}");
    assert!(post.contains(&format!("authorization: Bearer {TOKEN}\r\n")));
    let posted = body(post);
    assert_eq!(
        (&posted["channel"], &posted["username"]),
        (&"#ops".into(), &"salt-bot".into())
    );
    assert_eq!(posted["client_msg_id"].as_str().unwrap().len(), 36);
    assert!(update.starts_with("POST /api/chat.update "), "{update}");
    let updated = body(update);
    assert_eq!(
        (&updated["channel"], &updated["ts"]),
        (&"C0123".into(), &"1.5".into())
    );
    assert_eq!(
        updated["blocks"],
        serde_json::json!([]),
        "what is not stated would stay"
    );
    assert!(updated["username"].is_null());
}
