//! Many jobs in a moment: one process with Salt's own client publishes them, where each `salt` command takes a second to start.
//! It waits for no return.

use std::process::Command;
use std::sync::atomic::Ordering;

use anyhow::ensure;

use super::{COMMAND, Salt};
use crate::process::Process;

/// The master's directory, the target, the function, and how many; prints a jid a line.
const CLIENT: &str = "
import sys, os, salt.client
config, target, function, count = sys.argv[1:]
client = salt.client.LocalClient(os.path.join(config, 'master'))
for number in range(int(count)):
    print('jid', client.run_job(target, function, [str(number)])['jid'], flush=True)
";

impl Salt {
    /// So many jobs of a function that takes a number, one after the other without waiting for any: their jids.
    ///
    /// # Errors
    /// When the master takes fewer, or the client does not end.
    pub async fn burst(
        &self,
        target: &str,
        function: &str,
        count: usize,
    ) -> anyhow::Result<Vec<String>> {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let log = self.scratch.path().join(format!("command-{number}.out"));
        let mut command = Command::new(self.programs.join("python3"));
        command.args(["-c", CLIENT]).arg(self.master_config());
        command.args([target, function, &count.to_string()]);
        let mut process = Process::spawn("a burst of jobs", &mut command, &log)?;
        process.wait(COMMAND).await?;
        let output = std::fs::read_to_string(&log)?;
        let jids = output.lines().filter_map(|line| line.strip_prefix("jid "));
        let jids: Vec<String> = jids.map(str::to_owned).collect();
        ensure!(
            jids.len() == count,
            "{} of {count} jobs:\n{output}",
            jids.len()
        );
        Ok(jids)
    }
}
