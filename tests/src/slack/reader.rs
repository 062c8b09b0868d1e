//! A Slack message as plain text: what its reader sees, for a terminal and for tests that read.
//! It is not a full Block Kit renderer: a block that it does not know is named, so that nothing is hidden.

use serde_json::Value;

/// The message as its reader would see it: the blocks if there are any (Slack shows `text` only in notifications then),
/// and the attachments below them, with a bar on their left.
#[must_use]
pub fn plain(message: &Value) -> String {
    let blocks = list(message, "blocks");
    let mut parts: Vec<String> = if blocks.is_empty() {
        vec![mrkdwn(text(message, "text"))]
    } else {
        blocks.iter().map(block).collect()
    };
    parts.extend(list(message, "attachments").iter().map(attachment));
    parts.retain(|part| !part.trim().is_empty());
    parts.join("\n")
}

fn block(block: &Value) -> String {
    match text(block, "type") {
        "header" => text_object(block.get("text")),
        "section" => {
            let fields = list(block, "fields")
                .iter()
                .map(|field| text_object(Some(field)));
            let all: Vec<String> = std::iter::once(text_object(block.get("text")))
                .chain(fields)
                .collect();
            lines(all)
        }
        "context" => {
            let elements = list(block, "elements")
                .iter()
                .map(|it| text_object(Some(it)));
            elements.collect::<Vec<_>>().join(" ")
        }
        "divider" => "───".to_owned(),
        "rich_text" => lines(list(block, "elements").iter().map(rich).collect()),
        "markdown" => text(block, "text").to_owned(),
        other => format!("[a block of type `{other}`]"),
    }
}

fn attachment(attachment: &Value) -> String {
    let mut inner = vec![
        mrkdwn(text(attachment, "pretext")),
        mrkdwn(text(attachment, "title")),
    ];
    let blocks = list(attachment, "blocks");
    if blocks.is_empty() {
        let own = [text(attachment, "text"), text(attachment, "fallback")];
        inner.push(mrkdwn(
            own.into_iter()
                .find(|it| !it.is_empty())
                .unwrap_or_default(),
        ));
    }
    inner.extend(blocks.iter().map(block));
    inner.extend(
        list(attachment, "fields")
            .iter()
            .map(|field| format!("{}: {}", text(field, "title"), mrkdwn(text(field, "value")))),
    );
    inner.push(mrkdwn(text(attachment, "footer")));
    prefixed(&lines(inner), "▌ ")
}

/// One element of a `rich_text` block: a section, a list, a quote or preformatted text.
fn rich(element: &Value) -> String {
    let inside = list(element, "elements");
    let run = || inside.iter().map(rich_run).collect::<String>();
    match text(element, "type") {
        "rich_text_preformatted" => prefixed(&run(), "    "),
        "rich_text_quote" => prefixed(&run(), "│ "),
        "rich_text_list" => lines(inside.iter().map(|it| format!("• {}", rich(it))).collect()),
        _ => run(),
    }
}

fn rich_run(run: &Value) -> String {
    match text(run, "type") {
        "text" => text(run, "text").to_owned(),
        "emoji" => emoji(text(run, "name")),
        "link" => {
            let (label, url) = (text(run, "text"), text(run, "url"));
            if label.is_empty() {
                url.to_owned()
            } else {
                format!("{label} ({url})")
            }
        }
        other => format!("[{other}]"),
    }
}

fn text_object(object: Option<&Value>) -> String {
    let Some(object) = object else {
        return String::new();
    };
    let content = text(object, "text");
    if text(object, "type") == "plain_text" {
        emojis(content)
    } else {
        mrkdwn(content)
    }
}

/// Slack's own escapes taken back, links as label and address, emoji as characters. Marks such as `*` stay.
fn mrkdwn(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once('<') {
        let Some((inside, behind)) = after.split_once('>') else {
            break;
        };
        out.push_str(before);
        match inside.split_once('|') {
            Some((url, label)) => out.push_str(&format!("{label} ({url})")),
            None => out.push_str(inside),
        }
        rest = behind;
    }
    out.push_str(rest);
    emojis(&out)
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn emojis(source: &str) -> String {
    let known = [
        "red_circle",
        "large_green_circle",
        "large_yellow_circle",
        "large_orange_circle",
        "large_blue_circle",
        "warning",
        "white_circle",
    ];
    known.iter().fold(source.to_owned(), |text, name| {
        text.replace(&format!(":{name}:"), &emoji(name))
    })
}

fn emoji(name: &str) -> String {
    match name {
        "red_circle" => "🔴".to_owned(),
        "large_green_circle" => "🟢".to_owned(),
        "large_yellow_circle" => "🟡".to_owned(),
        "large_orange_circle" => "🟠".to_owned(),
        "large_blue_circle" => "🔵".to_owned(),
        "white_circle" => "⚪".to_owned(),
        "warning" => "⚠".to_owned(),
        other => format!(":{other}:"),
    }
}

fn lines(mut parts: Vec<String>) -> String {
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn prefixed(source: &str, mark: &str) -> String {
    source
        .lines()
        .map(|line| format!("{mark}{line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
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

    use super::plain;

    #[track_caller]
    fn check(message: &Value, expect: &str) {
        assert_eq!(plain(message), expect);
    }

    #[test]
    fn text_alone_is_shown_unescaped() {
        check(
            &json!({"text": ":red_circle: *a* &lt;b&gt; &amp;lt; <https://x.example|X>"}),
            "🔴 *a* <b> &lt; X (https://x.example)",
        );
    }

    #[test]
    fn blocks_hide_the_text_and_attachments_follow() {
        let message = json!({
            "text": "for notifications",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "Head"}},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": "who"}, {"type": "mrkdwn", "text": "when"}]},
                {"type": "divider"},
                {"type": "rich_text", "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "before"}]},
                    {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a\nb"}]},
                ]},
                {"type": "hologram"},
            ],
            "attachments": [{"color": "danger", "text": "one\ntwo"}],
        });
        check(
            &message,
            "Head\nwho when\n───\nbefore\n    a\n    b\n[a block of type `hologram`]\n▌ one\n▌ two",
        );
    }
}
