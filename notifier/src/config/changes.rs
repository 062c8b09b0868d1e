//! What differs between two configurations, in words for a log.
//! It says that a secret was rotated, and never what it is.

use std::fmt::Debug;

use secrecy::ExposeSecret as _;

use super::Config;

impl Config {
    /// What is not as it was. Empty: all of it is.
    pub fn changes_since(&self, before: &Config) -> Vec<String> {
        let mut changes = Vec::new();
        let mut single = |name: &str, one: &dyn Debug, two: &dyn Debug| {
            if shown(one) != shown(two) {
                changes.push(name.to_owned());
            }
        };
        single("nats", &before.nats, &self.nats);
        single("nats", &before.topology, &self.topology);
        single("group", &before.group, &self.group);
        single("timezone", &before.timezone, &self.timezone);
        single("quiet_after", &before.quiet_after, &self.quiet_after);
        single("gather", &before.gather, &self.gather);
        single("follow_up", &before.follow_up, &self.follow_up);
        changes.dedup();
        let named = |config: &Config| {
            let receivers = config.receivers.iter();
            let receivers: Vec<_> = receivers.map(|it| (it.name.clone(), shown(it))).collect();
            let routes = config.routes.iter();
            let routes: Vec<_> = routes.map(|it| (it.name.clone(), shown(it))).collect();
            (receivers, routes)
        };
        let ((receivers, routes), (new_receivers, new_routes)) = (named(before), named(self));
        changes.extend(of_lists("receiver", &receivers, &new_receivers));
        changes.extend(of_lists("route", &routes, &new_routes));
        changes.extend(self.rotated_since(before));
        if changes.is_empty() && shown(before) != shown(self) {
            changes.push("a setting".to_owned()); // of those that have no words here
        }
        changes
    }

    fn rotated_since(&self, before: &Config) -> Vec<String> {
        let rotated = self.remarks.secrets.iter().filter(|new| {
            let mut before = before.remarks.secrets.iter();
            before.any(|old| {
                old.path == new.path && old.content.expose_secret() != new.content.expose_secret()
            })
        });
        let said = rotated.map(|new| format!("the secret in {}", new.path.display()));
        said.collect()
    }
}

/// `Debug` shows every key that there will ever be, and no secret.
fn shown(value: &(impl Debug + ?Sized)) -> String {
    format!("{value:?}")
}

/// Names with what they stand for.
type Named = [(String, String)];

fn of_lists(of: &str, before: &Named, after: &Named) -> Vec<String> {
    let find = |list: &Named, name: &str| list.iter().position(|(it, _)| it == name);
    let new = after.iter().filter_map(|(name, shown)| {
        match find(before, name).and_then(|at| before.get(at)) {
            None => Some(format!("new {of} {name}")),
            Some((_, was)) if was != shown => Some(format!("{of} {name}")),
            Some(_) => None,
        }
    });
    let gone = before
        .iter()
        .filter(|(name, _)| find(after, name).is_none())
        .map(|(name, _)| format!("no {of} {name} any more"));
    let mut changes: Vec<String> = new.chain(gone).collect();
    if changes.is_empty() && before != after {
        changes.push(format!("the order of {of}s"));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_differ_by_name_content_and_order() {
        let check = |before: &[(&str, &str)], after: &[(&str, &str)], expect: &[&str]| {
            let named = |list: &[(&str, &str)]| {
                let own = |(name, shown): &(&str, &str)| ((*name).to_owned(), (*shown).to_owned());
                list.iter().map(own).collect::<Vec<_>>()
            };
            assert_eq!(of_lists("route", &named(before), &named(after)), expect);
        };
        check(&[("a", "1")], &[("a", "1")], &[]);
        check(&[("a", "1")], &[("a", "2")], &["route a"]);
        check(
            &[("a", "1")],
            &[("b", "1")],
            &["new route b", "no route a any more"],
        );
        check(
            &[("a", "1"), ("b", "1")],
            &[("b", "1"), ("a", "1")],
            &["the order of routes"],
        );
    }
}
