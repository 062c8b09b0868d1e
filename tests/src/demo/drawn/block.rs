//! Block Kit's blocks, each as Slack lays it out.
//! A block that is not known is named, so that nothing is hidden; pictures are named too, and not fetched.

use serde_json::Value;

use super::mrkdwn::{mrkdwn, unescaped};
use super::rich::rich;
use super::{Node, Reader, classed, element, emoji, lines, list, text, word};

/// One block.
pub(super) fn block(block: &Value, how: Reader<'_>) -> Node {
    match text(block, "type") {
        "header" => classed("h4", "header", said(block.get("text"), how)),
        "section" => section(block, how),
        "context" => {
            let elements = list(block, "elements").iter();
            let one = |it: &Value| classed("span", "piece", said(Some(it), how));
            classed("div", "context", elements.map(one).collect())
        }
        "divider" => element("hr", Vec::new()),
        "rich_text" => {
            let elements = list(block, "elements").iter();
            classed("div", "block", elements.map(|it| rich(it, how)).collect())
        }
        "markdown" => classed("div", "block", lines(text(block, "text"))),
        "image" => classed("div", "context", vec![picture(block)]),
        "actions" => {
            let elements = list(block, "elements").iter();
            let one = |it: &Value| classed("span", "button", said(it.get("text"), how));
            classed("div", "block", elements.map(one).collect())
        }
        other => {
            let name = format!("[a block of type `{other}`]");
            classed("div", "context", vec![word(name)])
        }
    }
}

fn section(block: &Value, how: Reader<'_>) -> Node {
    let mut inside = said(block.get("text"), how);
    let fields = list(block, "fields");
    if !fields.is_empty() {
        let one = |field: &Value| classed("div", "field", said(Some(field), how));
        inside.push(classed("div", "fields", fields.iter().map(one).collect()));
    }
    if let Some(beside) = block.get("accessory") {
        inside.push(match text(beside, "type") {
            "image" => picture(beside),
            _ => classed("span", "button", said(beside.get("text"), how)),
        });
    }
    classed("div", "block", inside)
}

fn picture(image: &Value) -> Node {
    word(format!("[picture: {}]", text(image, "alt_text")))
}

/// A text object: `plain_text` or `mrkdwn`.
fn said(object: Option<&Value>, how: Reader<'_>) -> Vec<Node> {
    let Some(object) = object else {
        return Vec::new();
    };
    let content = text(object, "text");
    match text(object, "type") {
        "plain_text" if object.get("emoji") == Some(&Value::Bool(false)) => {
            lines(&unescaped(content))
        }
        "plain_text" => lines(&emojis(&unescaped(content))),
        "image" => vec![picture(object)],
        _ => mrkdwn(content, how),
    }
}

/// Every short name that is known as its character.
pub(super) fn emojis(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once(':') {
        out.push_str(before);
        let known = after
            .split_once(':')
            .and_then(|(name, behind)| Some((emoji::character(name)?, behind)));
        match known {
            Some((character, behind)) => {
                out.push_str(character);
                rest = behind;
            }
            None => {
                out.push(':');
                rest = after;
            }
        }
    }
    out + rest
}
