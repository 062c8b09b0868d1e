//! Every answer that is known, and what it means.

use super::words::{BROKEN, GONE, LATER, OURS, THREADLESS, TOO_LARGE, TROUBLE};
use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.to_owned(),
        retry_after: None,
    }
}

fn refusal(word: &str) -> Answer {
    answer(200, &format!(r#"{{"ok":false,"error":"{word}"}}"#))
}

fn begins<T: std::fmt::Debug>(got: &T, expect: &str, about: &str) {
    let got = format!("{got:?}");
    assert!(got.starts_with(expect), "{about}: {got}");
}

#[test]
fn every_answer_of_a_webhook_has_its_meaning() {
    let check = |status: u16, body: &str, expect: &str| {
        begins(
            &of_webhook(&answer(status, body)),
            expect,
            &format!("{status} {body}"),
        );
    };
    check(200, "ok", "Delivered");
    check(200, "ok\n", "Delivered");
    check(200, r#"{"ok":true}"#, "Delivered");
    check(200, "<html>please log in", "Unclear");
    check(200, r#"{"ok":false,"error":"ratelimited"}"#, "Throttled");
    check(429, "", "Throttled");
    check(500, "rollup_error", "Unreached");
    for status in [408, 500, 502, 503, 504] {
        check(status, "", "Unreached");
    }
    check(500, "ok", "Unreached");
    check(500, "internal_error", "Ambiguous");
    check(200, r#"{"ok":false,"error":"fatal_error"}"#, "Ambiguous");
    check(301, "", "Broken");
    check(400, "invalid_payload", "TooLarge");
    check(413, "", "TooLarge");
    check(400, "user_not_found", "Broken");
    check(403, "action_prohibited", "Broken");
    check(403, "invalid_token", "Broken");
    check(404, "channel_not_found", "Broken");
    check(404, "whatever", "Broken");
    check(410, "channel_is_archived", "Broken");
    check(410, "whatever", "Broken");
    check(400, "no_text", "Refused");
    check(400, "whatever", "Refused");
    for (words, expect) in [
        (&TOO_LARGE[..], "TooLarge"),
        (&BROKEN, "Broken"),
        (&OURS, "Refused"),
    ] {
        for word in words {
            check(400, word, expect);
        }
    }
}

#[test]
fn every_refusal_of_a_post_has_its_meaning() {
    let check = |word: &str, expect: &str| begins(&of_post(&refusal(word)), expect, word);
    for (words, expect) in [
        (&TOO_LARGE[..], "Err(TooLarge"),
        (&BROKEN, "Err(Broken"),
        (&OURS, "Err(Refused"),
        (&TROUBLE, "Err(Unreached"),
        (&LATER, "Err(Retry"),
    ] {
        for word in words {
            check(word, expect);
        }
    }
    check("ratelimited", "Err(Throttled");
    check("rate_limited", "Err(Throttled");
    check("internal_error", "Err(Ambiguous");
    check("restricted_action_read_only_channel", "Err(Broken");
    check("restricted_action_thread_only_channel", "Err(Broken");
    check("invalid_metadata_schema", "Err(TooLarge");
    check("duplicate_message_not_found", "Ok(None");
    check("a_word_of_next_year", "Err(Unheard");
    begins(
        &of_post(&answer(200, "<html>log in")),
        "Err(Unclear",
        "a portal",
    );
    begins(
        &of_post(&answer(502, r#"{"ok":true}"#)),
        "Err(Unreached",
        "a proxy",
    );
}

#[test]
fn a_post_says_where_it_stands() {
    let posted = of_post(&answer(
        200,
        r#"{"ok":true,"channel":"C0123","ts":"1503435956.000247","message":{"text":"a"}}"#,
    ));
    let (channel, ts) = ("C0123".to_owned(), "1503435956.000247".to_owned());
    assert_eq!(posted, Ok(Some(Posted { channel, ts })));
    assert_eq!(of_post(&answer(200, r#"{"ok":true}"#)), Ok(None));
}

#[test]
fn what_an_update_and_a_reply_make_of_it() {
    let update = |word: &str, expect: &str| begins(&of_update(&refusal(word)), expect, word);
    for word in GONE {
        update(word, "Err(Unchangeable");
    }
    update("internal_error", "Err(Unreached");
    update("msg_too_long", "Err(TooLarge");
    update("token_revoked", "Err(Broken");
    assert_eq!(of_update(&answer(200, r#"{"ok":true}"#)), Ok(()));
    let reply = |word: &str, expect: &str| begins(&of_reply(&refusal(word)), expect, word);
    for word in GONE.iter().chain(&THREADLESS) {
        reply(word, "Err(Refused");
    }
    reply("a_word_of_next_year", "Err(Refused");
    reply("duplicate_message_not_found", "Ok(()");
    reply("internal_error", "Err(Ambiguous");
    reply("token_revoked", "Err(Broken");
    reply("invalid_blocks", "Err(TooLarge");
}

#[test]
fn a_retry_after_stands_in_the_header_or_in_the_body() {
    let check = |header: Option<u64>, body: &str, expect: Option<u64>| {
        let answer = Answer {
            retry_after: header.map(Duration::from_secs),
            ..answer(429, body)
        };
        let Attempt::Throttled { retry_after, .. } = *of_post(&answer).unwrap_err() else {
            panic!("{body}")
        };
        assert_eq!(retry_after, expect.map(Duration::from_secs), "{body}");
    };
    let body = r#"{"retry_after":3,"ok":false,"error":"rate_limited"}"#;
    check(Some(7), body, Some(7));
    check(None, body, Some(3));
    check(None, "", None);
}
