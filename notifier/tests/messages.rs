//! Every digest in `digests/` rendered as its readers would get it, compared with `messages/`.
//! `<case>.words` beside a digest holds templates. It judges no wording: a person reads the diff. `UPDATE_EXPECT=1` rewrites.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use pillarbox_notifier::render::slack::{Icon, Look, Style};
use pillarbox_notifier::render::template::{Part, Wording, Words};
use pillarbox_notifier::render::{email, slack};
use pillarbox_notifier::route::Moment;
use pillarbox_proto::delivery::Notification;
use serde_json::Value;

fn dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

fn zone() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// The blocks as a reader sees them, near enough: emoji by name, `*bold*`, code in backticks, printed text indented.
fn seen_in_slack(payload: &Value) -> String {
    let mut seen = format!(
        "text: {}\n",
        payload["text"].as_str().unwrap().replace('\n', "\n      ")
    );
    for block in payload["blocks"].as_array().unwrap() {
        seen.push('\n');
        for element in block["elements"].as_array().unwrap() {
            seen.push_str(&element_seen(element));
        }
    }
    seen
}

fn element_seen(element: &Value) -> String {
    let parts = || element["elements"].as_array().unwrap().iter();
    match element["type"].as_str().unwrap() {
        "plain_text" => format!("({})\n", element["text"].as_str().unwrap()),
        "rich_text_section" => parts().map(part_seen).collect::<String>() + "\n",
        "rich_text_preformatted" => {
            let text: String = parts().map(part_seen).collect();
            text.lines().map(|line| format!("  | {line}\n")).collect()
        }
        other => panic!("an element of type {other}"),
    }
}

fn part_seen(part: &Value) -> String {
    let name = || part["name"].as_str().unwrap();
    if part["type"] == "emoji" {
        return format!(":{}:", name());
    }
    let text = part["text"].as_str().unwrap();
    match (part["style"]["bold"] == true, part["style"]["code"] == true) {
        (_, true) => format!("`{text}`"),
        (true, _) => format!("*{text}*"),
        _ => text.to_owned(),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// Those that are looked at in the classic style: its layout differs by moment and state, and its words do not.
const CLASSIC: [&str; 7] = [
    "start",
    "start_recovered_no_key",
    "failed",
    "changed",
    "test_mode",
    "missing_only",
    "clean",
];

/// Every reply in the thread of a message, in order; most have none.
fn thread(notification: &Notification, words: &Words) -> Option<Value> {
    let (details, more) = slack::details(notification, &zone(), words);
    let (mut left, mut replies) = (&details[..], Vec::new());
    while !left.is_empty() {
        let (reply, count) = slack::reply(left, more);
        replies.push(reply);
        left = &left[count..];
    }
    (!replies.is_empty()).then_some(Value::Array(replies))
}

/// The first post's look, key for key.
#[test]
fn a_start_in_the_classic_style_is_the_command_as_code_and_nothing_else() {
    let start = std::fs::read(dir("digests").join("start.json")).unwrap();
    let start: Notification = serde_json::from_slice(&start).unwrap();
    let look = Look {
        style: Style::Classic { color: None },
        username: Some("salt-bot".into()),
        icon: Some(Icon::Emoji(":computer:".into())),
    };
    let mut payload = slack::styled(&start, &zone(), false, &Words::default(), &look.style);
    look.dress(&mut payload);
    let command = "salt -G 'roles:web' state.apply nginx test=True";
    let expect = serde_json::json!({
        "username": "salt-bot",
        "icon_emoji": ":computer:",
        "attachments": [{
            "color": "#F35A00",
            "fallback": command,
            "text": format!("`{command}`"),
            "mrkdwn_in": ["text"],
        }],
        "mrkdwn": false, "parse": "none", "link_names": false, "unfurl_links": false, "unfurl_media": false,
    });
    assert_eq!(payload, expect);
}

/// Templates as they stand beside a digest: each below a line `--- its key`.
fn words(written: &str, notification: &Notification) -> Words {
    let parts = written.split("--- ").skip(1).map(|part| {
        let (key, text) = part.split_once('\n').unwrap();
        let parts = [Part::Subject, Part::Title, Part::Body];
        let part = parts.into_iter().find(|part| part.key() == key).unwrap();
        (part, text.trim_end().to_owned())
    });
    let parts: Vec<(Part, String)> = parts.collect();
    let wording = Wording::compile(&parts, Moment::Return, |_| true).unwrap();
    let (words, errors) = wording.words(notification, &zone());
    assert_eq!(errors, []);
    words
}

#[test]
fn messages_read_as_they_did() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut differ = Vec::new();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(dir("digests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    cases.sort();
    for path in cases {
        let case = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let notification: Notification = serde_json::from_slice(&std::fs::read(&path).unwrap())
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        let follow_up = case.starts_with("follow_up");
        let words = match std::fs::read_to_string(path.with_extension("words")) {
            Ok(written) => words(&written, &notification),
            Err(_) => Words::default(),
        };
        let payload = slack::message(&notification, &zone(), follow_up, &words);
        let classic = Style::Classic { color: None };
        let classic = slack::styled(&notification, &zone(), follow_up, &words, &classic);
        let mail = email::mail(&notification, &zone(), follow_up, &words);
        let outputs = [
            ("slack.json", pretty(&payload)),
            ("slack.txt", seen_in_slack(&payload)),
            (
                "mail.txt",
                format!("Subject: {}\n\n{}", mail.subject, mail.text),
            ),
            ("mail.html", mail.html),
        ];
        let classic = CLASSIC.contains(&case.as_str()).then(|| pretty(&classic));
        let thread = thread(&notification, &words).map(|replies| pretty(&replies));
        let some = [
            ("slack-classic.json", classic),
            ("slack-thread.json", thread),
        ];
        let some = some
            .into_iter()
            .filter_map(|(kind, text)| Some((kind, text?)));
        for (kind, text) in outputs.into_iter().chain(some) {
            let file = dir("messages").join(format!("{case}.{kind}"));
            if update {
                std::fs::write(&file, text).unwrap();
            } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
                differ.push(file.file_name().unwrap().to_owned());
            }
        }
    }
    assert!(
        differ.is_empty(),
        "read the difference, then UPDATE_EXPECT=1: {differ:?}"
    );
}
