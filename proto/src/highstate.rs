//! One state's result as Salt returns it, and the summary of a whole state run.
//! It does not decide an outcome: the collector's judge does, once.

use serde::{Deserialize, Deserializer, Serialize};

/// What one state did on one minion (`salt/state.py`, SALT.md §4 "State result fields").
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StateReturn {
    /// Module and function of the state: `pkg.installed`.
    pub function: String,
    /// The state's id in its SLS file.
    pub id: String,
    /// What it acted on: `/etc/motd`.
    pub name: String,
    /// The SLS it came from: `nginx.init`. Absent where Salt does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sls: Option<String>,
    /// `true` done, `false` failed, `None` would change (test mode) or unknown.
    pub result: Option<bool>,
    /// What the state says of itself, in its own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// A unified diff, where the change has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Changes other than a diff, as Salt gave them; bounded, in depth by [`crate::wire::MAX_DEPTH`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<serde_json::Value>,
    /// Standard output of a `cmd.run` state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Standard error of a `cmd.run` state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Warnings that the state gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// It did not run because something that it requires failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_back: bool,
    /// Milliseconds it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
}

/// A state run in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// States in the run.
    pub total: u32,
    /// `result: true`.
    pub succeeded: u32,
    /// `result: false`.
    pub failed: u32,
    /// States with non-empty `changes`, whatever their result.
    pub changed: u32,
    /// `result: null`: test mode, would change.
    pub pending: u32,
    /// Sum of the states' durations in milliseconds.
    #[serde(deserialize_with = "milliseconds")]
    pub duration_ms: f64,
}

/// Milliseconds as a minion gave them. JSON has no NaN and no infinity, and writes `null` for them: read as 0, since one
/// minion's odd number must not make an event that nobody can read.
pub(crate) fn milliseconds<'de, D: Deserializer<'de>>(json: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(json)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_that_is_no_number_can_be_read_back() {
        for duration_ms in [f64::NAN, f64::INFINITY] {
            let summary = Summary {
                duration_ms,
                ..Summary::default()
            };
            let json = serde_json::to_string(&summary).unwrap();
            assert_eq!(
                serde_json::from_str::<Summary>(&json).unwrap(),
                Summary::default()
            );
        }
    }
}
