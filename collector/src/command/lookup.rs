//! `lookup`: what the job cache on this host knows of one job, as JSON or as lines for a person.
//! It asks no collector and no NATS server, and runs no Salt command: it reads the files.

mod summary;

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use pillarbox_proto::lookup::{LookupReply, LookupRequest};
use pillarbox_proto::salt::{Jid, MinionId};

use super::File;
use crate::config::{Mistakes, NoJobCache};
use crate::job_cache::{HashType, JobCache, LookupError};
use crate::normalize::Origin;

/// Print what the master's job cache knows of a job: what was run, who returned, what failed, who is missing.
///
/// Reads the files of the job cache on this host, redacted as events are. Exits with 1 if the job is not there.
#[derive(Debug, clap::Args)]
pub struct Lookup {
    /// The job's id
    #[arg(value_parser = jid)]
    jid: Jid,
    /// Print one JSON object: what a notifier is answered
    #[arg(long)]
    json: bool,
    /// Only this minion's return; may be repeated. Who returned and who did not is printed in any case
    #[arg(long = "minion", value_name = "ID")]
    minions: Vec<String>,
    /// With what each minion returned, whole; for `--json`
    #[arg(long, requires = "json")]
    full: bool,
    /// Salt's `cachedir`: no configuration is read, and cluster and master are this host's name
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Salt's `hash_type` there
    #[arg(long, value_name = "TYPE", default_value = "sha256", requires = "cache_dir", value_parser = hash_type)]
    hash_type: HashType,
    #[command(flatten)]
    file: File,
}

/// Why nothing is printed; each is a sentence for the person who asked.
#[derive(Debug, thiserror::Error)]
enum Nothing {
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    #[error("no job can be looked up here: {0}")]
    NoCache(#[from] NoJobCache),
    #[error("{0}")]
    Lookup(#[from] LookupError),
    #[error("no job {0} in {1}: Salt keeps jobs for `keep_jobs_seconds`, a day unless set")]
    Unknown(Jid, String),
}

fn jid(text: &str) -> Result<Jid, LookupError> {
    Some(Jid(text.to_owned()))
        .filter(Jid::is_regular)
        .ok_or(LookupError::Jid)
}

/// A hash that Salt does not document.
#[derive(Debug, thiserror::Error)]
#[error("known are {}", HashType::NAMES.join(", "))]
struct UnknownHash;

fn hash_type(name: &str) -> Result<HashType, UnknownHash> {
    HashType::parse(name).ok_or(UnknownHash)
}

impl Lookup {
    /// Looks up and prints.
    ///
    /// # Errors
    /// When it cannot print; a closed pipe is no error.
    pub fn run(self) -> io::Result<ExitCode> {
        let json = self.json;
        match self.answer() {
            Ok(reply) => match print(&reply, json) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
                Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
            },
            Err(Nothing::Mistakes(mistakes)) => super::refuse(&mistakes),
            Err(nothing) => {
                writeln!(io::stderr(), "{nothing}")?;
                Ok(ExitCode::FAILURE)
            }
        }
    }

    fn answer(self) -> Result<LookupReply, Nothing> {
        let (cache, origin) = match self.cache_dir {
            Some(dir) => here(dir, self.hash_type),
            None => {
                let config = self.file.read()?;
                (config.job_cache.clone()?, config.origin())
            }
        };
        let minions: Vec<MinionId> = self.minions.into_iter().map(MinionId).collect();
        let request = LookupRequest {
            jid: self.jid,
            minions: Some(minions).filter(|ids| !ids.is_empty()),
            full: self.full,
        };
        let reply = cache.answer(&origin, &request)?;
        if !reply.knows() {
            let dir = cache.dir.join("jobs").display().to_string();
            return Err(Nothing::Unknown(request.jid, dir));
        }
        Ok(reply)
    }
}

/// A cache that no configuration names.
fn here(dir: PathBuf, hash: HashType) -> (JobCache, Origin) {
    let name = super::hostname();
    let origin = Origin {
        cluster: name.clone(),
        master: name,
    };
    (JobCache { dir, hash }, origin)
}

fn print(reply: &LookupReply, json: bool) -> io::Result<()> {
    let stdout = io::stdout();
    let pretty = stdout.is_terminal();
    let mut out = io::BufWriter::new(stdout.lock());
    match (json, pretty) {
        (true, true) => serde_json::to_writer_pretty(&mut out, reply)?,
        (true, false) => serde_json::to_writer(&mut out, reply)?,
        (false, _) => write!(out, "{}", summary::Summary(reply))?,
    }
    if json {
        writeln!(out)?;
    }
    out.flush()
}
