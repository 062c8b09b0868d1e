//! `rich_text`: sections, lists, quotes and preformatted text, with styles that are said and not marked.
//! It reads no mrkdwn: here `*` is a star.

use serde_json::Value;

use super::{Element, Node, Reader, classed, date, element, emoji, lines, link, list, text, word};

/// One element of a `rich_text` block.
pub(super) fn rich(part: &Value, how: Reader<'_>) -> Node {
    let inside = list(part, "elements");
    let run = || inside.iter().flat_map(|it| run(it, how)).collect();
    match text(part, "type") {
        "rich_text_preformatted" => {
            let words = inside.iter().map(|it| {
                let label = text(it, "text");
                if label.is_empty() {
                    text(it, "url")
                } else {
                    label
                }
            });
            element("pre", vec![word(words.collect::<String>())])
        }
        "rich_text_quote" => element("blockquote", run()),
        "rich_text_list" => {
            let ordered = text(part, "style") == "ordered";
            let items = inside.iter().map(|it| element("li", vec![rich(it, how)]));
            let class = match part.get("indent").and_then(Value::as_u64) {
                None | Some(0) => "indent-0",
                Some(1) => "indent-1",
                Some(_) => "indent-2",
            };
            classed(if ordered { "ol" } else { "ul" }, class, items.collect())
        }
        _ => classed("div", "rich", run()),
    }
}

/// A piece of a line.
fn run(piece: &Value, how: Reader<'_>) -> Vec<Node> {
    let mention = |sign: &str, key: &str| {
        let name = format!("{sign}{}", text(piece, key));
        vec![classed("span", "mention", vec![word(name)])]
    };
    let plain = match text(piece, "type") {
        "text" => lines(text(piece, "text")),
        "emoji" => {
            let name = text(piece, "name");
            let found = emoji::character(name).map(str::to_owned);
            vec![word(found.unwrap_or_else(|| format!(":{name}:")))]
        }
        "link" => {
            let (label, url) = (text(piece, "text"), text(piece, "url"));
            let label = if label.is_empty() { url } else { label };
            vec![link(url, vec![word(label)])]
        }
        "user" => mention("@", "user_id"),
        "usergroup" => mention("@", "usergroup_id"),
        "channel" => mention("#", "channel_id"),
        "broadcast" => mention("@", "range"),
        "color" => vec![word(text(piece, "value"))],
        "date" => {
            let at = piece.get("timestamp").and_then(Value::as_i64);
            let written = format!("{}^{}", at.unwrap_or_default(), text(piece, "format"));
            vec![word(date::shown(
                &written,
                text(piece, "fallback"),
                how.zone,
            ))]
        }
        other => vec![word(format!("[{other}]"))],
    };
    styled(plain, piece.get("style").unwrap_or(&Value::Null))
}

fn styled(plain: Vec<Node>, style: &Value) -> Vec<Node> {
    let styles = [
        ("code", "code"),
        ("strike", "s"),
        ("italic", "i"),
        ("bold", "b"),
    ];
    styles.iter().fold(plain, |inside, (name, tag)| {
        if style.get(name) == Some(&Value::Bool(true)) {
            vec![Node::Element(Element {
                tag,
                inside,
                ..Element::default()
            })]
        } else {
            inside
        }
    })
}
