//! A letter in an attachment with a coloured bar: a start is the command as code, anything else the blocks.
//! It chooses no words; below an attachment's text Slack interprets marks, so only code stands there.

use serde_json::{Value, json};

use super::{body, envelope, escape, sentence};
use crate::render::letter::Letter;
use crate::render::words::Mark;

/// The bar beside a start.
const START: &str = "#F35A00";

/// The payload. There is no text above the attachment: its fallback is what a telephone shows.
pub(super) fn message(letter: &Letter, color: Option<&str>) -> Value {
    let attachment = match letter.mark {
        None => json!({
            "color": color.unwrap_or(START),
            "fallback": escape(&letter.title),
            "text": code(&letter.title),
            "mrkdwn_in": ["text"],
        }),
        Some(mark) => json!({
            "color": color.unwrap_or_else(|| of(mark)),
            "fallback": sentence(letter),
            "blocks": body(letter),
        }),
    };
    let mut payload = envelope(None);
    payload["attachments"] = json!([attachment]);
    payload
}

/// One span of code, whatever is in it: a backtick has no escape, so a fence is put around a text that has one, and a
/// fence in the text is broken by blanks without width.
fn code(text: &str) -> String {
    let escaped = escape(text);
    if escaped.contains(['`', '\n']) {
        format!("```\n{}\n```", escaped.replace("``", "`\u{200b}`"))
    } else {
        format!("`{escaped}`")
    }
}

fn of(mark: Mark) -> &'static str {
    match mark {
        Mark::Failed => "danger",
        Mark::Missing | Mark::Changed => "warning",
        Mark::Would => "#439FE0",
        Mark::Clean => "good",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_stays_one_span_of_code() {
        let check = |text: &str, expect: &str| assert_eq!(code(text), expect);
        check(
            "salt -G roles:postgresql state.sls foo",
            "`salt -G roles:postgresql state.sls foo`",
        );
        check(
            "salt '*' cmd.run 'a && b < c > d'",
            "`salt '*' cmd.run 'a &amp;&amp; b &lt; c &gt; d'`",
        );
        check("<!channel>", "`&lt;!channel&gt;`");
        check("echo `id`", "```\necho `id`\n```");
        check("a\nb", "```\na\nb\n```");
        check("x ```` y", "```\nx `\u{200b}``\u{200b}` y\n```");
    }
}
