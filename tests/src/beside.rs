//! Programs beside those that a scenario starts with: a collector of another master or of the same one, and a later notifier.
//! It starts none of them: when that happens is the scenario's own text.

use crate::programs::{self, Program};
use crate::stack::{Master, Stack};

impl<M> Stack<M> {
    /// A collector of this master, to be started and put into [`beside`](Self::beside).
    ///
    /// # Errors
    /// When the programs cannot be built, or its file cannot be written.
    pub async fn another_collector(
        &self,
        name: &str,
        (master, cluster): (&str, &str),
        listens_to: &impl Master,
    ) -> anyhow::Result<Program> {
        let (sock_dir, url) = (listens_to.sock_dir(), self.nats.url());
        let sock_dir = sock_dir.display();
        let config = format!(
            "master: {master}\ncluster: {cluster}\nsalt: {{ sock_dir: \"{sock_dir}\" }}\nnats: {{ url: \"{url}\" }}\n"
        );
        let config = self.scratch().file(&format!("{name}.yml"), &config)?;
        let log = self.scratch().path().join(format!("{name}.log"));
        let program = programs::built().await?.collector;
        Ok(Program::prepared(name, &program, &config, &log))
    }

    /// One more notifier with the file of the others, to be started and put into [`notifiers`](Self::notifiers).
    ///
    /// # Errors
    /// When the programs cannot be built.
    pub async fn another_notifier(&self) -> anyhow::Result<Program> {
        let name = format!("notifier-{}", self.notifiers.len() + 1);
        let config = self.scratch().path().join("notifier.yml");
        let log = self.scratch().path().join(format!("{name}.log"));
        let program = programs::built().await?.notifier;
        Ok(Program::prepared(&name, &program, &config, &log))
    }
}
