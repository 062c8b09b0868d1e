//! What Slack refuses of a message, as far as it is documented and cheap to check.
//! It is not a judge of good messages, and not the whole of Block Kit: other people's validators are for that.

use serde_json::Value;

const BLOCKS: usize = 50;
const ATTACHMENTS: usize = 100;
const SECTION_TEXT: usize = 3000;
const FIELDS: usize = 10;
const FIELD_TEXT: usize = 2000;
const HEADER_TEXT: usize = 150;
const CONTEXT_ELEMENTS: usize = 10;
/// Slack says 12 000 for markdown; about as much was seen to be accepted for the text of all blocks together.
const ALL_TEXT: usize = 12_000;

/// Status and text of the answer to a body; `None` is a body that is no JSON.
pub(super) fn judge(body: Option<&Value>) -> (u16, &'static str) {
    let Some(message) = body.filter(|body| body.is_object()) else {
        return (400, "invalid_payload");
    };
    // Blocks alone would do; but then a telephone and a screen reader say nothing.
    let attachments = list(message, "attachments");
    let told = std::iter::once(message.get("text"));
    let mut told = told.chain(attachments.iter().map(|it| it.get("fallback")));
    if !told.any(|text| length(text) > 0) {
        return (400, "no_text");
    }
    if list(message, "attachments").len() > ATTACHMENTS {
        return (400, "too_many_attachments");
    }
    let nested = list(message, "attachments")
        .iter()
        .map(|it| list(it, "blocks"));
    for blocks in std::iter::once(list(message, "blocks")).chain(nested) {
        if blocks.len() > BLOCKS || !blocks.iter().all(block_is_fine) {
            return (400, "invalid_blocks");
        }
        if blocks.iter().map(text_length).sum::<usize>() > ALL_TEXT {
            return (400, "msg_blocks_too_long");
        }
    }
    (200, "ok")
}

fn block_is_fine(block: &Value) -> bool {
    let text = length(block.pointer("/text/text"));
    match block.get("type").and_then(Value::as_str) {
        Some("header") => {
            (1..=HEADER_TEXT).contains(&text)
                && block.pointer("/text/type") == Some(&"plain_text".into())
        }
        Some("section") => {
            let fields = list(block, "fields");
            let has_text = block.get("text").is_some();
            (has_text || !fields.is_empty())
                && (!has_text || (1..=SECTION_TEXT).contains(&text))
                && fields.len() <= FIELDS
                && fields
                    .iter()
                    .all(|field| length(field.get("text")) <= FIELD_TEXT)
        }
        Some("context") => (1..=CONTEXT_ELEMENTS).contains(&list(block, "elements").len()),
        Some("rich_text") => block.get("elements").is_some_and(Value::is_array),
        Some(
            "divider" | "actions" | "image" | "markdown" | "table" | "video" | "file" | "input",
        ) => true,
        Some(_) | None => false,
    }
}

/// Characters of all `text` fields below a value.
fn text_length(value: &Value) -> usize {
    let own = length(value.get("text"));
    let members = value.as_object().into_iter().flat_map(|map| map.values());
    let items = value.as_array().into_iter().flatten();
    own + members.chain(items).map(text_length).sum::<usize>()
}

/// Characters of a string; 0 for anything else.
fn length(value: Option<&Value>) -> usize {
    value
        .and_then(Value::as_str)
        .map_or(0, |text| text.chars().count())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::judge;

    #[track_caller]
    fn check(body: &Value, expect: (u16, &str)) {
        assert_eq!(judge(Some(body)), expect, "{body}");
    }

    fn section(length: usize) -> Value {
        json!({"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(length)}})
    }

    #[test]
    fn payloads_are_judged_as_slack_judges_them() {
        assert_eq!(judge(None), (400, "invalid_payload"));
        check(&json!([]), (400, "invalid_payload"));
        check(&json!({}), (400, "no_text"));
        check(&json!({"text": ""}), (400, "no_text"));
        check(&json!({"text": "a"}), (200, "ok"));
        check(&json!({"attachments": [{"text": "a"}]}), (400, "no_text"));
        let with_fallback = json!({"attachments": [{"text": "`a`", "fallback": "a"}]});
        check(&with_fallback, (200, "ok"));
        check(
            &json!({"text": "a", "blocks": [section(3000)]}),
            (200, "ok"),
        );
        check(
            &json!({"text": "a", "blocks": [section(3001)]}),
            (400, "invalid_blocks"),
        );
        check(
            &json!({"text": "a", "blocks": vec![section(3000); 5]}),
            (400, "msg_blocks_too_long"),
        );
        check(
            &json!({"text": "a", "blocks": vec![section(1); 51]}),
            (400, "invalid_blocks"),
        );
        let header =
            |text: &str| json!({"type": "header", "text": {"type": "plain_text", "text": text}});
        check(
            &json!({"text": "a", "blocks": [header("ü".repeat(150).as_str())]}),
            (200, "ok"),
        );
        check(
            &json!({"text": "a", "blocks": [header("x".repeat(151).as_str())]}),
            (400, "invalid_blocks"),
        );
        check(
            &json!({"text": "a", "blocks": [{"type": "sektion"}]}),
            (400, "invalid_blocks"),
        );
        check(
            &json!({"text": "a", "attachments": [{"blocks": [section(3001)]}]}),
            (400, "invalid_blocks"),
        );
    }
}
