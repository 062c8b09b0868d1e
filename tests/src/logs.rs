//! What the two programs wrote to their logs: JSON lines, as they write when nobody sits before them.
//! It decides nothing but which lines a scenario had not announced.

use serde_json::Value;

/// The `WARN` and `ERROR` lines of a log that contain none of the announced texts, and lines that are no JSON at all,
/// such as a panic's.
#[must_use]
pub fn complaints(log: &str, announced: &[String]) -> Vec<String> {
    let lines = log.lines().filter(|line| !line.trim().is_empty());
    let unexpected = lines.filter(|line| {
        !announced.iter().any(|text| line.contains(text.as_str()))
            && level(line).is_none_or(|level| ["WARN", "ERROR"].contains(&level.as_str()))
    });
    unexpected.map(str::to_owned).collect()
}

/// The level of a JSON line, in capitals.
fn level(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(line.get("level")?.as_str()?.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::complaints;

    #[test]
    fn what_was_not_announced_is_found() {
        let log = "{\"level\":\"INFO\",\"message\":\"started\"}\n\
                   {\"level\":\"WARN\",\"message\":\"the bus is gone\"}\n\
                   {\"level\":\"ERROR\",\"message\":\"lost\"}\n\nthread 'main' panicked\n";
        let found = complaints(log, &["the bus is gone".to_owned()]);
        assert_eq!(
            found,
            [
                r#"{"level":"ERROR","message":"lost"}"#,
                "thread 'main' panicked"
            ]
        );
    }
}
