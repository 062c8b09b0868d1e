//! A whole message: who it is from, its blocks or its text, and its attachments.
//! It does not know when it came, nor what stands in its thread.

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::block::{block, emojis};
use super::mrkdwn::{mrkdwn, unescaped};
use super::{Element, Node, Reader, classed, emoji, lines, list, text, word};

/// The name that the app has where a message gives none.
const APP: &str = "Pillarbox";

/// What a reader sees.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in super::super) struct Drawn {
    name: String,
    /// An emoji instead of the app's own icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'static str>,
    body: Vec<Node>,
}

/// Draws the blocks, if there are any (Slack shows `text` only in notifications then), and the attachments below.
pub(in super::super) fn drawn(message: &Value, zone: &TimeZone) -> Drawn {
    let how = Reader { zone, emoji: true };
    let blocks = list(message, "blocks");
    let mut body: Vec<Node> = blocks.iter().map(|it| block(it, how)).collect();
    let written = text(message, "text");
    if blocks.is_empty() && !written.is_empty() {
        let plain = message.get("mrkdwn") == Some(&Value::Bool(false));
        body.push(classed(
            "div",
            "block",
            if plain {
                lines(&emojis(&unescaped(written)))
            } else {
                mrkdwn(written, how)
            },
        ));
    }
    let attachments = list(message, "attachments").iter();
    body.extend(attachments.map(|it| attachment(it, how)));
    let name = text(message, "username");
    let icon = text(message, "icon_emoji").trim_matches(':');
    Drawn {
        name: if name.is_empty() { APP } else { name }.to_owned(),
        icon: emoji::character(icon),
        body,
    }
}

fn attachment(attachment: &Value, how: Reader<'_>) -> Node {
    let part = |class: &'static str, key: &str| {
        let content = text(attachment, key);
        (!content.is_empty()).then(|| classed("div", class, mrkdwn(content, how)))
    };
    let blocks = list(attachment, "blocks");
    let mut inside = Vec::new();
    inside.extend(part("author", "author_name"));
    inside.extend(part("title", "title"));
    if blocks.is_empty() {
        inside.extend(part("block", "text").or_else(|| part("block", "fallback")));
    }
    inside.extend(blocks.iter().map(|it| block(it, how)));
    inside.extend(fields(list(attachment, "fields"), how));
    inside.extend(part("footer", "footer"));
    let barred = Node::Element(Element {
        tag: "div",
        class: Some("attachment"),
        colour: colour(text(attachment, "color")),
        inside,
        ..Element::default()
    });
    let above = part("pretext", "pretext").into_iter();
    classed("div", "attached", above.chain([barred]).collect())
}

fn fields(fields: &[Value], how: Reader<'_>) -> Option<Node> {
    let one = |field: &Value| {
        let title = classed("div", "title", vec![word(text(field, "title"))]);
        let value = classed("div", "block", mrkdwn(text(field, "value"), how));
        classed("div", "field", vec![title, value])
    };
    let all: Vec<Node> = fields.iter().map(one).collect();
    (!all.is_empty()).then(|| classed("div", "fields", all))
}

/// Slack's three names, or six hexadecimal digits with or without `#`.
fn colour(written: &str) -> Option<String> {
    match written {
        "good" => Some("#2eb886".to_owned()),
        "warning" => Some("#daa038".to_owned()),
        "danger" => Some("#a30200".to_owned()),
        other => {
            let digits = other.trim_start_matches('#');
            let hex = digits.len() == 6 && digits.chars().all(|it| it.is_ascii_hexdigit());
            hex.then(|| format!("#{digits}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::{Value, json};

    use super::super::html;
    use super::drawn;

    #[track_caller]
    fn check(message: &Value, expect: &str) {
        assert_eq!(html(&drawn(message, &TimeZone::UTC).body), expect);
    }

    #[test]
    fn blocks_hide_the_text() {
        check(
            &json!({
                "text": "for notifications",
                "blocks": [
                    {"type": "header", "text": {"type": "plain_text", "text": ":warning: Head"}},
                    {"type": "section", "text": {"type": "mrkdwn", "text": "*a*"}, "fields": [{"type": "mrkdwn", "text": "b"}]},
                    {"type": "context", "elements": [{"type": "plain_text", "emoji": false, "text": "x :x:"}]},
                    {"type": "divider"},
                    {"type": "hologram"},
                ],
            }),
            "<h4.header>⚠️ Head</h4><div.block><b>a</b><div.fields><div.field>b</div></div></div>\
             <div.context><span.piece>x :x:</span></div><hr></hr>\
             <div.context>[a block of type `hologram`]</div>",
        );
    }

    #[test]
    fn rich_text_is_styled_where_it_says_so() {
        check(
            &json!({"text": "n", "blocks": [{"type": "rich_text", "elements": [
                {"type": "rich_text_section", "elements": [
                    {"type": "emoji", "name": "red_circle"},
                    {"type": "text", "text": " *a*\n", "style": {"bold": true}},
                    {"type": "text", "text": "<b>", "style": {"code": true}},
                    {"type": "link", "url": "javascript:x", "text": "l"},
                ]},
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a\n b"}]},
                {"type": "rich_text_list", "style": "ordered", "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]},
                ]},
            ]}]}),
            "<div.block><div.rich>🔴<b> *a*<br></br></b><code>&lt;b></code><span>l</span></div>\
             <pre>a\n b</pre><ol.indent-0><li><div.rich>one</div></li></ol></div>",
        );
    }

    #[test]
    fn text_alone_is_read_as_mrkdwn_unless_it_says_otherwise() {
        check(
            &json!({"text": "*a* &lt;"}),
            "<div.block><b>a</b> &lt;</div>",
        );
        check(
            &json!({"text": "*a* :x:", "mrkdwn": false}),
            "<div.block>*a* ❌</div>",
        );
    }

    #[test]
    fn attachments_have_a_bar_of_their_colour() {
        check(
            &json!({"text": "", "attachments": [
                {"color": "#F35A00", "pretext": "p", "text": "`salt '*' test.ping`", "footer": "f"},
                {"color": "expression(x)", "fallback": "only this"},
            ]}),
            "<div.attached><div.pretext>p</div><div.attachment #F35A00>\
             <div.block><code>salt '*' test.ping</code></div><div.footer>f</div></div></div>\
             <div.attached><div.attachment><div.block>only this</div></div></div>",
        );
    }

    #[test]
    fn a_message_may_have_a_name_and_an_icon_of_its_own() {
        let own = json!({"text": "a", "username": "salt-bot", "icon_emoji": ":computer:"});
        let Value::Object(shown) = serde_json::to_value(drawn(&own, &TimeZone::UTC)).unwrap()
        else {
            panic!("no object");
        };
        assert_eq!(
            (&shown["name"], &shown["icon"]),
            (&"salt-bot".into(), &"💻".into())
        );
        let app = drawn(&json!({"text": "a"}), &TimeZone::UTC);
        assert_eq!((app.name.as_str(), app.icon), ("Pillarbox", None));
    }
}
