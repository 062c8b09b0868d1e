//! Slack's own marks in a text: `*bold*`, `` `code` ``, fences, quotes, links, mentions, dates, emoji and escapes.
//! It is not Markdown, and knows no block.

use super::{Node, Reader, classed, date, element, emoji, link, word};

/// A text of several lines.
pub(super) fn mrkdwn(source: &str, how: Reader<'_>) -> Vec<Node> {
    let parts: Vec<&str> = source.split("```").collect();
    let mut out = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let (first, last) = (at == 0, at + 1 == parts.len());
        if at % 2 == 1 && last {
            out.extend(paragraphs(&format!("```{part}"), how)); // a fence that nothing closes is text
        } else if at % 2 == 1 {
            let code = trimmed(part, true, true);
            out.push(element("pre", vec![word(unescaped(code))]));
        } else {
            out.extend(paragraphs(trimmed(part, !first, !last), how));
        }
    }
    out
}

/// Without the line break next to a fence: preformatted text stands on lines of its own.
fn trimmed(part: &str, begin: bool, end: bool) -> &str {
    let part = if begin {
        part.strip_prefix('\n').unwrap_or(part)
    } else {
        part
    };
    if end {
        part.strip_suffix('\n').unwrap_or(part)
    } else {
        part
    }
}

/// Lines with breaks between them; those that begin with `>` are quotes.
fn paragraphs(source: &str, how: Reader<'_>) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::new();
    let mut quote: Vec<Node> = Vec::new();
    let mut begun = false;
    for line in source.split('\n') {
        let quoted = line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>'));
        match quoted {
            Some(line) => {
                if !quote.is_empty() {
                    quote.push(element("br", Vec::new()));
                }
                quote.extend(inline(line.trim_start(), how));
            }
            None => {
                let was_quote = !quote.is_empty();
                flush(&mut out, &mut quote);
                if begun && !was_quote {
                    out.push(element("br", Vec::new()));
                }
                out.extend(inline(line, how));
                begun = true;
            }
        }
    }
    flush(&mut out, &mut quote);
    out
}

fn flush(out: &mut Vec<Node>, quote: &mut Vec<Node>) {
    if !quote.is_empty() {
        out.push(element("blockquote", std::mem::take(quote)));
    }
}

/// One line.
fn inline(source: &str, how: Reader<'_>) -> Vec<Node> {
    let (mut out, mut plain) = (Vec::new(), String::new());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let before = source
            .strip_suffix(rest)
            .and_then(|it| it.chars().next_back());
        let found = match first {
            '`' => code(rest),
            '<' => angle(rest, how),
            ':' if how.emoji => short_name(rest),
            '*' | '_' | '~' if before.is_none_or(|it| !it.is_alphanumeric()) => {
                styled(rest, first, how)
            }
            _ => None,
        };
        match found {
            Some((node, behind)) => {
                push(&mut out, &mut plain);
                out.push(node);
                rest = behind;
            }
            None => {
                plain.push(first);
                rest = rest.strip_prefix(first).unwrap_or_default();
            }
        }
    }
    push(&mut out, &mut plain);
    out
}

fn push(out: &mut Vec<Node>, plain: &mut String) {
    if !plain.is_empty() {
        out.push(word(unescaped(&std::mem::take(plain))));
    }
}

fn code(source: &str) -> Option<(Node, &str)> {
    let (inside, behind) = source.strip_prefix('`')?.split_once('`')?;
    (!inside.is_empty()).then(|| (element("code", vec![word(unescaped(inside))]), behind))
}

fn short_name(source: &str) -> Option<(Node, &str)> {
    let (name, behind) = source.strip_prefix(':')?.split_once(':')?;
    Some((word(emoji::character(name)?), behind))
}

/// `*bold*`, `_italic_`, `~struck~`: the marks hug the words, and no letter stands behind the second.
fn styled<'a>(source: &'a str, mark: char, how: Reader<'_>) -> Option<(Node, &'a str)> {
    let inner = source.strip_prefix(mark)?;
    let closes = |(at, _): (usize, &str)| {
        let (inside, behind) = (inner.get(..at)?, inner.get(at + mark.len_utf8()..)?);
        let hugs = !inside.is_empty() && inside.trim() == inside;
        let ends = behind.chars().next().is_none_or(|it| !it.is_alphanumeric());
        (hugs && ends).then_some((inside, behind))
    };
    let (inside, behind) = inner.match_indices(mark).find_map(closes)?;
    let tag = match mark {
        '*' => "b",
        '_' => "i",
        _ => "s",
    };
    Some((element(tag, inline(inside, how)), behind))
}

/// `<address|label>`, `<@user>`, `<#channel|name>`, `<!here>`, `<!date^…>`.
fn angle<'a>(source: &'a str, how: Reader<'_>) -> Option<(Node, &'a str)> {
    let (inside, behind) = source.strip_prefix('<')?.split_once('>')?;
    let (what, label) = match inside.split_once('|') {
        Some((what, label)) => (what, Some(label)),
        None => (inside, None),
    };
    let named = |sign: &str, id: &str| {
        let name = label.unwrap_or(id).trim_start_matches(['@', '#']);
        classed(
            "span",
            "mention",
            vec![word(format!("{sign}{}", unescaped(name)))],
        )
    };
    let node = if let Some(written) = what.strip_prefix("!date^") {
        word(date::shown(written, label.unwrap_or_default(), how.zone))
    } else if let Some(special) = what.strip_prefix('!') {
        named("@", special.split('^').next_back().unwrap_or(special))
    } else if let Some(user) = what.strip_prefix('@') {
        named("@", user)
    } else if let Some(channel) = what.strip_prefix('#') {
        named("#", channel)
    } else {
        let shown = label.unwrap_or(what.strip_prefix("mailto:").unwrap_or(what));
        link(&unescaped(what), vec![word(unescaped(shown))])
    };
    Some((node, behind))
}

/// Slack's three escapes taken back.
pub(super) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::{Reader, html};
    use super::mrkdwn;

    #[track_caller]
    fn check(source: &str, expect: &str) {
        let how = Reader {
            zone: &TimeZone::UTC,
            emoji: true,
        };
        assert_eq!(html(&mrkdwn(source, how)), expect);
    }

    #[test]
    fn marks_hug_their_words() {
        check(
            "*a* _b_ ~c~ `d*e*`",
            "<b>a</b> <i>b</i> <s>c</s> <code>d*e*</code>",
        );
        check("*a _b_*", "<b>a <i>b</i></b>");
        check("2*3*4 a_b_c * a * **", "2*3*4 a_b_c * a * **");
        check("*web[01-12]*: x", "<b>web[01-12]</b>: x");
        check("*never closed", "*never closed");
    }

    #[test]
    fn fences_and_quotes_are_blocks() {
        check("a\nb", "a<br></br>b");
        check("a\n```\nb\n  c\n```\nd", "a<pre>b\n  c</pre>d");
        check("a ``` b", "a ``` b");
        check("a ```b``` c ``` d", "a <pre>b</pre> c ``` d");
        check("> a\n&gt; b\nc", "<blockquote>a<br></br>b</blockquote>c");
    }

    #[test]
    fn links_and_mentions_are_shown_by_their_names() {
        check(
            "<https://a.example/?b&amp;c|d>",
            "<a https://a.example/?b&c>d</a>",
        );
        check(
            "<mailto:a@b.example>",
            "<a mailto:a@b.example>a@b.example</a>",
        );
        check("<javascript:alert(1)|x>", "<span>x</span>");
        check(
            "<@U1> <#C1|ops> <!here> <!subteam^S1|@dbas>",
            "<span.mention>@U1</span> <span.mention>#ops</span> <span.mention>@here</span> <span.mention>@dbas</span>",
        );
        check("<!date^0^{date_num} {time}|then>", "1970-01-01 12:00 AM");
    }

    #[test]
    fn escapes_and_short_names_are_taken_back() {
        check("&lt;b&gt; &amp;lt;", "&lt;b> &amp;lt;");
        check(":red_circle: :no_such: 14:02:11", "🔴 :no_such: 14:02:11");
        check("a < b", "a &lt; b");
    }
}
