//! What differs between two configurations, in words for a log.
//! It says that a login was changed, and never to what.

use super::Config;

impl Config {
    /// What is not as it was. Empty: all of it is.
    pub fn changes_since(&self, before: &Config) -> Vec<String> {
        let single = [
            ("master", self.master != before.master),
            ("cluster", self.cluster != before.cluster),
            ("the bus", self.bus != before.bus),
            ("the job cache", self.job_cache != before.job_cache),
            ("nats", self.nats != before.nats),
            ("http (after a restart)", self.http != before.http),
            ("queue", self.queue != before.queue),
        ];
        let changed = single.iter().filter(|(_, changed)| *changed);
        let mut changes: Vec<String> = changed.map(|(name, _)| (*name).to_owned()).collect();
        if changes.is_empty() && self.shown() != before.shown() {
            changes.push("a setting".to_owned()); // of those that have no words here
        }
        changes
    }

    /// `Debug` shows every key that there will ever be, and no secret. Remarks are no settings.
    fn shown(&self) -> String {
        let remarks = super::Remarks::default();
        format!(
            "{:?}",
            Config {
                remarks,
                ..self.clone()
            }
        )
    }
}
