//! The configuration files of the master and its minions.
//! They change what keeps Salt off the machine (ports, paths, user) or slow (grains that look things up), and nothing else.

use anyhow::Context;
use nix::unistd::{User, getuid};

use crate::scratch::Scratch;

/// The master's two ports.
pub(super) struct Ports {
    pub(super) publish: u16,
    pub(super) ret: u16,
}

/// Writes `etc/master`, `<id>/etc/minion` for each minion, and the directories that they name.
pub(super) fn write(scratch: &Scratch, ports: &Ports, ids: &[&str]) -> anyhow::Result<()> {
    let user = User::from_uid(getuid())?
        .context("whoever runs this has no name")?
        .name;
    let root = scratch.path().display();
    let Ports { publish, ret } = ports;
    scratch.dir("run")?;
    scratch.dir("srv")?;
    scratch.file("pillar/top.sls", "base:\n  'web*':\n    - roles\n")?;
    scratch.file("pillar/roles.sls", "role: web\n")?;
    let master = format!(
        "interface: 127.0.0.1\npublish_port: {publish}\nret_port: {ret}\nuser: {user}\n\
         root_dir: {root}\npki_dir: {root}/pki\ncachedir: {root}/cache\nsock_dir: {root}/run\n\
         pidfile: {root}/master.pid\nlog_file: {root}/master.log\nlog_level: warning\n\
         file_roots: {{base: [{root}/srv]}}\nauto_accept: True\nworker_threads: 3\n\
         pillar_roots: {{base: [{root}/pillar]}}\nnodegroups: {{web: 'web*'}}\n\
         timeout: 6\ngather_job_timeout: 3\n"
    );
    scratch.file("etc/master", &master)?;
    for id in ids {
        let own = format!("{root}/{id}");
        let minion = format!(
            "id: {id}\nmaster: 127.0.0.1\nmaster_port: {ret}\npublish_port: {publish}\nuser: {user}\n\
             root_dir: {own}\npki_dir: {own}/pki\ncachedir: {own}/cache\nsock_dir: {own}/run\n\
             pidfile: {own}/minion.pid\nlog_file: {own}/minion.log\nlog_level: warning\n\
             acceptance_wait_time: 1\nrandom_reauth_delay: 1\nenable_fqdns_grains: False\n\
             enable_gpu_grains: False\n"
        );
        scratch.file(&format!("{id}/etc/minion"), &minion)?;
    }
    Ok(())
}
