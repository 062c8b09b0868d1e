//! What many scenarios say in the same words: their settings, and messages without what differs between two runs.
//! It starts nothing and waits for nothing.

use pillarbox_e2e::stack::Scenario;

/// A scenario whose messages give their times in Berlin.
pub(crate) fn scenario(routes: &str) -> Scenario {
    Scenario::new(routes).global("timezone: Europe/Berlin")
}

/// The first line of each message, sorted: deliveries side by side arrive in any order.
pub(crate) fn titles(messages: &[String]) -> Vec<String> {
    let first = |message: &String| message.lines().next().unwrap_or_default().to_owned();
    let mut titles: Vec<String> = messages.iter().map(first).collect();
    titles.sort();
    titles
}

/// A mail's text without the line ends of mail.
pub(crate) fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// The text with `JID` for the jid, `WHO` for who ran it and `WHEN` for each time: real jobs differ in nothing else.
pub(crate) fn timeless(text: &str, jid: &str) -> String {
    let line = |line: &str| {
        if line.trim_start().starts_with("when ") {
            return "  when      WHEN".to_owned();
        }
        if line.trim_start().starts_with("who ") {
            return "  who       WHO".to_owned();
        }
        let parts = line.split(" · ").map(|part| {
            if part.contains("salt1.example.com (prod)") {
                "WHO"
            } else if part.contains(" 20") && part.contains(':') && part.contains(" CE") {
                "WHEN"
            } else {
                part
            }
        });
        parts.collect::<Vec<_>>().join(" · ").replace(jid, "JID")
    };
    text.trim_end()
        .lines()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}
