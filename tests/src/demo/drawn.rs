//! A Slack message as a tree of elements, laid out as Slack lays it out, for a page that builds them one by one.
//! It is not HTML: words stay words, and no text of a message can become an element.

mod block;
mod date;
mod emoji;
mod message;
mod mrkdwn;
mod rich;

pub(super) use message::drawn;

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

/// A word or an element.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Node {
    Text(String),
    Element(Element),
}

/// What the page makes an element of. It allows only the tags and kinds of link that are known to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Element {
    tag: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    href: Option<String>,
    /// Of the bar beside an attachment: `#` and six digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    colour: Option<String>,
    inside: Vec<Node>,
}

/// How a text is read.
#[derive(Clone, Copy, Debug)]
struct Reader<'a> {
    /// Where times are shown.
    zone: &'a TimeZone,
    /// Whether `:name:` becomes a character.
    emoji: bool,
}

fn element(tag: &'static str, inside: Vec<Node>) -> Node {
    Node::Element(Element {
        tag,
        inside,
        ..Element::default()
    })
}

fn classed(tag: &'static str, class: &'static str, inside: Vec<Node>) -> Node {
    Node::Element(Element {
        tag,
        class: Some(class),
        inside,
        ..Element::default()
    })
}

fn word(text: impl Into<String>) -> Node {
    Node::Text(text.into())
}

/// A link, if its address is of a kind that may be followed; else only its label.
fn link(address: &str, label: Vec<Node>) -> Node {
    let safe = ["https://", "http://", "mailto:"];
    if safe.iter().any(|scheme| address.starts_with(scheme)) {
        Node::Element(Element {
            tag: "a",
            href: Some(address.to_owned()),
            inside: label,
            ..Element::default()
        })
    } else {
        element("span", label)
    }
}

/// Lines with a break between them.
fn lines(text: &str) -> Vec<Node> {
    let mut out = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push(element("br", Vec::new()));
        }
        if !line.is_empty() {
            out.push(word(line));
        }
    }
    out
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

/// As HTML, for tests that read.
#[cfg(test)]
fn html(nodes: &[Node]) -> String {
    let one = |node: &Node| match node {
        Node::Text(text) => text.replace('&', "&amp;").replace('<', "&lt;"),
        Node::Element(element) => {
            let tag = element.tag;
            let class = element
                .class
                .map_or(String::new(), |class| format!(".{class}"));
            let href = element.href.iter().chain(&element.colour);
            let more: String = href.map(|it| format!(" {it}")).collect();
            format!("<{tag}{class}{more}>{}</{tag}>", html(&element.inside))
        }
    };
    nodes.iter().map(one).collect()
}
