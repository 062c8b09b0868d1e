//! The demo's script: its routes, its minions, its jobs and their states.
//! It runs nothing.

use super::stage::Act;

/// The minions; the second one is stopped before the last job.
pub(super) const MINIONS: [&str; 2] = ["web1", "web2"];

/// What stands below `receivers:` in the notifiers' configuration: the doubles.
pub(super) const RECEIVERS: &str = r#"
  - name: ops-slack
    slack: { webhook_url_file: "{slack}" }
  - name: ops-mail
    email: { smtp: "{smtp}", from: "Salt <salt@example.com>", to: [ops@example.com] }
"#;

/// What stands below `routes:`; the real Slack and the real mail server hear what their doubles hear.
pub(super) fn routes(finish_after: &str, slack: Option<&str>, mail: Option<&str>) -> String {
    let listed = |names: &[Option<&str>]| {
        names
            .iter()
            .flatten()
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let started = listed(&[Some("ops-slack"), slack]);
    let finished = listed(&[Some("ops-slack"), Some("ops-mail"), slack, mail]);
    format!(
        r#"
  - name: audit
    on: start
    match: {{ fun: "state.*" }}
    receivers: [{started}]
  - name: failures-and-changes
    match: {{ fun: "state.*", outcome: [failed, changed, missing] }}
    receivers: [{finished}]
    finish_after: {finish_after}
"#
    )
}

/// The master's state tree.
pub(super) const STATES: [(&str, &str); 3] = [
    ("motd.sls", include_str!("states/motd.sls")),
    ("nginx.sls", include_str!("states/nginx.sls")),
    ("users.sls", include_str!("states/users.sls")),
];

/// A job, and what its messages are about.
pub(super) struct Job {
    /// What happens, in a few words.
    pub(super) name: &'static str,
    /// The arguments of `salt`.
    pub(super) salt: &'static [&'static str],
    /// A minion that is stopped before.
    pub(super) without: Option<&'static str>,
}

impl Job {
    /// As it is announced.
    pub(super) fn act(&self) -> Act {
        let (target, rest) = self.salt.split_first().unwrap_or((&"", &[]));
        Act {
            name: self.name.to_owned(),
            command: format!("salt '{target}' {}", rest.join(" ")),
            note: self.without.map(|minion| format!("{minion} is stopped")),
        }
    }
}

/// The jobs, in order. Each has a start in Slack, a digest in Slack and a mail.
pub(super) const JOBS: [Job; 4] = [
    Job {
        name: "a change on both minions",
        salt: &["*", "state.apply", "motd"],
        without: None,
    },
    Job {
        name: "a failure",
        salt: &["*", "state.apply", "nginx"],
        without: None,
    },
    Job {
        name: "a render error",
        salt: &["*", "state.apply", "users"],
        without: None,
    },
    Job {
        name: "no change, and a minion that does not answer",
        salt: &["*", "state.apply", "motd"],
        without: Some(MINIONS[1]),
    },
];
