//! A scenario's machinery put together: NATS, a master (real, or its double), both programs, Slack and mail.
//! It says nothing of what shall happen; that is the scenario's own text.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;

use crate::bus::Bus;
use crate::logs::complaints;
use crate::mail::{Guard, MailSink};
use crate::nats::Nats;
use crate::programs::{self, Program};
use crate::salt::Salt;
use crate::scratch::Scratch;
use crate::slack::Slack;

const GRACE: Duration = Duration::from_secs(45);

/// What a notifier says when all that it needs is there.
const PROVISIONED: &str = "streams and consumers are as they should be";

/// What a collector says when it has connected to the bus.
const READING: &str = "reading the master's event bus";

const RECEIVERS: &str = r#"
  - name: ops-slack
    slack: { webhook_url_file: "{slack}" }
  - name: ops-mail
    email: { smtp: "{smtp}", from: "Salt <salt@example.com>", to: [ops@example.com] }
"#;

mod files;

/// What the collector listens to: a real master, or the double of its bus.
pub trait Master {
    /// The directory of `master_event_pub.ipc`.
    fn sock_dir(&self) -> PathBuf;
    /// Its `cachedir`.
    fn cachedir(&self) -> PathBuf;
}

impl Master for Bus {
    fn sock_dir(&self) -> PathBuf {
        Self::sock_dir(self).to_path_buf()
    }
    fn cachedir(&self) -> PathBuf {
        Self::cachedir(self)
    }
}

impl Master for Salt {
    fn sock_dir(&self) -> PathBuf {
        Self::sock_dir(self)
    }
    fn cachedir(&self) -> PathBuf {
        Self::cachedir(self)
    }
}

/// What a scenario wants to be started.
#[derive(Clone, Debug)]
pub struct Scenario {
    notifiers: usize,
    receivers: String,
    routes: String,
    globals: String,
    collector: String,
    options: Vec<String>,
    mail: Guard,
    announced: Vec<String>,
    nats_password: Option<String>,
    nats_users: Vec<String>,
}

impl Scenario {
    /// One notifier with these routes (what stands below `routes:`), which name the receivers `ops-slack` and `ops-mail`.
    #[must_use]
    pub fn new(routes: &str) -> Self {
        Self {
            notifiers: 1,
            receivers: RECEIVERS.to_owned(),
            routes: routes.to_owned(),
            globals: String::new(),
            collector: String::new(),
            options: Vec::new(),
            mail: Guard::None,
            announced: Vec::new(),
            nats_password: None,
            nats_users: Vec::new(),
        }
    }

    /// Both programs log in to NATS with this password; the harness itself goes on as a guest who may do the same.
    #[must_use]
    pub fn nats_password(mut self, password: &str) -> Self {
        self.nats_password = Some(password.to_owned());
        let user = format!("{{ user: pillarbox, password: \"{password}\" }}");
        self.nats_users.push(user);
        self
    }

    /// NATS lets in who has the seed of this NKey, too; the harness goes on as a guest. What the programs say of themselves
    /// is the scenario's to write.
    #[must_use]
    pub fn nats_nkey(mut self, public: &str) -> Self {
        self.nats_users.push(format!("{{ nkey: {public} }}"));
        self
    }

    /// So many notifiers, with the same configuration.
    #[must_use]
    pub fn notifiers(mut self, count: usize) -> Self {
        self.notifiers = count;
        self
    }

    /// Other receivers (what stands below `receivers:`); `{slack}` is the webhook's file, `{token}` the bot's, `{api}` the
    /// address of Slack's Web API, `{smtp}` the sink's URL.
    #[must_use]
    pub fn receivers(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.receivers);
        self
    }

    /// The sink is guarded like this, and the notifiers trust its certificate.
    #[must_use]
    pub fn mail(mut self, guard: Guard) -> Self {
        self.mail = guard;
        self
    }

    /// One more line on the top level of the notifiers' file: `quiet_after: 2s`.
    #[must_use]
    pub fn global(mut self, line: &str) -> Self {
        self.globals.push_str(line);
        self.globals.push('\n');
        self
    }

    /// One more line on the top level of the collector's file: `queue: 4MiB`.
    #[must_use]
    pub fn collector(mut self, line: &str) -> Self {
        self.collector.push_str(line);
        self.collector.push('\n');
        self
    }

    /// One more option for each program's `run`: `--grace=1s`.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// Lines of level `WARN` or `ERROR` with this text are part of the scenario.
    #[must_use]
    pub fn announce(mut self, text: &str) -> Self {
        self.announced.push(text.to_owned());
        self
    }

    /// Starts everything around the double of a bus, and waits until the collector listens to it and every stream is there.
    ///
    /// # Errors
    /// When a part cannot be installed, built or started.
    pub async fn on_bus(self) -> anyhow::Result<Stack<Bus>> {
        let mut stack = self.prepared_on_bus().await?;
        stack.start().await?;
        stack.listens().await?;
        Ok(stack)
    }

    /// Everything around the double of a bus, which listens; NATS and both programs are not running yet.
    ///
    /// # Errors
    /// When a part cannot be installed, built or started.
    pub async fn prepared_on_bus(self) -> anyhow::Result<Stack<Bus>> {
        let scratch = Scratch::new()?;
        let bus = Bus::start(&scratch.dir("salt")?)?;
        self.prepared(bus, scratch).await
    }

    /// Starts everything around a master that runs. When the collector has connected is seen by what arrives.
    ///
    /// # Errors
    /// When a part cannot be installed, built or started.
    pub async fn on_salt(self, salt: Salt) -> anyhow::Result<Stack<Salt>> {
        let mut stack = self.prepared(salt, Scratch::new()?).await?;
        stack.start().await?;
        Ok(stack)
    }

    async fn prepared<M: Master>(self, master: M, scratch: Scratch) -> anyhow::Result<Stack<M>> {
        let accounts = self.accounts();
        let (programs, nats, slack, mail) = tokio::try_join!(
            programs::built(),
            Nats::prepared_with(&accounts),
            Slack::start(),
            MailSink::guarded(self.mail)
        )?;
        let url = self.nats_section(&scratch, &nats.url())?;
        let config = self.notifiers_file(&scratch, &url, &slack, &mail)?;
        let notifier = |number| {
            let name = format!("notifier-{number}");
            let log = scratch.path().join(format!("{name}.log"));
            let mut program =
                Program::prepared(&name, &programs.notifier, &config, &log).with(&self.options);
            if let Some(authority) = mail.authority() {
                program.set([("SSL_CERT_FILE".to_owned(), authority.display().to_string())]);
            }
            program
        };
        let notifiers = (1..=self.notifiers).map(notifier).collect();
        let sock_dir = master.sock_dir();
        let cachedir = master.cachedir();
        let (sock_dir, cachedir, more) = (sock_dir.display(), cachedir.display(), &self.collector);
        let config = format!(
            "master: salt1.example.com\ncluster: prod\nsalt: {{ sock_dir: \"{sock_dir}\", cachedir: \"{cachedir}\" }}\nnats: {{ {url} }}\n{more}"
        );
        let config = scratch.file("collector.yml", &config)?;
        let log = scratch.path().join("collector.log");
        let collector = Program::prepared("collector", &programs.collector, &config, &log);
        let collector = collector.with(&self.options);
        let announced = self.announced;
        Ok(Stack {
            collector,
            notifiers,
            master,
            nats,
            slack,
            mail,
            beside: Vec::new(),
            announced,
            scratch,
        })
    }
}

async fn first_to_end(program: &mut Program) -> anyhow::Result<()> {
    loop {
        program.still_runs()?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Everything that runs for a scenario; dropping it ends it.
#[derive(Debug)]
pub struct Stack<M> {
    /// The collector.
    pub collector: Program,
    /// The notifiers.
    pub notifiers: Vec<Program>,
    /// The master, or its double.
    pub master: M,
    /// The server between the two.
    pub nats: Nats,
    /// The double of Slack.
    pub slack: Slack,
    /// The mail sink.
    pub mail: MailSink,
    /// Collectors that a scenario adds ([`crate::beside`]): judged as its own one is.
    pub beside: Vec<Program>,
    announced: Vec<String>,
    scratch: Scratch,
}

impl Stack<Bus> {
    /// Waits until the collector listens to the bus and the notifiers have made every stream: from now on nothing is lost.
    ///
    /// # Errors
    /// When one of them ends instead, or does not get that far.
    pub async fn listens(&mut self) -> anyhow::Result<()> {
        for notifier in &mut self.notifiers {
            notifier.says(PROVISIONED).await?;
        }
        tokio::select! {
            connected = self.master.connected(1) => connected,
            Err(ended) = first_to_end(&mut self.collector) => Err(ended),
        }
    }
}

impl Stack<Salt> {
    /// As on the double of a bus: from now on nothing is lost.
    ///
    /// # Errors
    /// When one of the programs ends instead, or does not get that far.
    pub async fn listens(&mut self) -> anyhow::Result<()> {
        for notifier in &mut self.notifiers {
            notifier.says(PROVISIONED).await?;
        }
        self.collector.says(READING).await
    }
}

impl<M> Stack<M> {
    /// Starts NATS, the notifiers and the collector, in this order.
    ///
    /// # Errors
    /// When one cannot be started.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.nats.restart().await?;
        for notifier in &mut self.notifiers {
            notifier.restart().await?;
        }
        self.collector.restart().await
    }

    /// From now on lines of level `WARN` or `ERROR` with this text are part of the scenario.
    pub fn announce(&mut self, text: &str) {
        self.announced.push(text.to_owned());
    }

    /// `WARN` and `ERROR` lines of both programs so far that the scenario did not announce, each after its program's name.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let collectors = self.beside.iter().chain([&self.collector]);
        let programs = self.notifiers.iter().chain(collectors);
        let found = programs.flat_map(|program| {
            let (name, log) = program.said();
            let lines = complaints(&log, &self.announced).into_iter();
            lines.map(move |line| format!("{name}: {line}"))
        });
        found.collect()
    }

    /// Fails if one of the programs has ended by itself.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn all_run(&mut self) -> anyhow::Result<()> {
        self.collector.still_runs()?;
        let others = self.notifiers.iter_mut().chain(&mut self.beside);
        others.into_iter().try_for_each(Program::still_runs)
    }

    /// Changes the notifiers' file, which they do not read again by themselves.
    ///
    /// # Errors
    /// When the text is not there, or the file cannot be written.
    pub fn rewrite_notifiers(&self, text: &str, by: &str) -> anyhow::Result<()> {
        self.rewrite("notifier.yml", text, by)
    }

    /// As [`rewrite_notifiers`](Self::rewrite_notifiers), the collector's file.
    ///
    /// # Errors
    /// When the text is not there, or the file cannot be written.
    pub fn rewrite_collector(&self, text: &str, by: &str) -> anyhow::Result<()> {
        self.rewrite("collector.yml", text, by)
    }

    fn rewrite(&self, file: &str, text: &str, by: &str) -> anyhow::Result<()> {
        let written = std::fs::read_to_string(self.scratch.path().join(file))?;
        anyhow::ensure!(written.contains(text), "no `{text}` in {file}:\n{written}");
        // In one step: a program may be reading it.
        let new = format!("{file}.new");
        let new = self.scratch.file(&new, &written.replace(text, by))?;
        Ok(std::fs::rename(new, self.scratch.path().join(file))?)
    }

    /// The directory with the configurations and logs of the programs.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The end of a scenario: asks the programs to end, and fails if one does not, or has complained unannounced.
    ///
    /// # Errors
    /// With every complaint.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        self.all_run()?;
        let collectors = self.beside.iter_mut().chain([&mut self.collector]);
        for program in self.notifiers.iter_mut().chain(collectors) {
            program.terminate(GRACE).await?;
        }
        let complaints = self.complaints();
        if !complaints.is_empty() {
            bail!("the programs complained:\n{}", complaints.join("\n"));
        }
        Ok(())
    }
}
