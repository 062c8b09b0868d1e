//! The demo's script: its routes, its minions, its jobs and their states.
//! It runs nothing.

/// The minions; the second one is stopped before the last job.
pub(super) const MINIONS: [&str; 2] = ["web1", "web2"];

/// What stands below `routes:` in the notifiers' configuration.
pub(super) const ROUTES: &str = r#"
  - name: audit
    on: start
    match: { fun: "state.*" }
    receivers: [ops-slack]
  - name: failures-and-changes
    match: { fun: "state.*", outcome: [failed, changed, missing] }
    receivers: [ops-slack, ops-mail]
    finish_after: 20s
"#;

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
