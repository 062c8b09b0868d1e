//! `lookup`: what the job cache on this host knows of one job, as JSON or as lines for a person.
//! It asks no collector and no NATS server, and runs no Salt command: it reads the files.

mod summary;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use pillarbox_proto::lookup::{LookupReply, LookupRequest};
use pillarbox_proto::salt::{Jid, MinionId};

use super::File;
use crate::config::NoJobCache;
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

/// Why a job cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There are no files to look into.
    #[error("no job can be looked up here: {0}")]
    NoCache(#[from] NoJobCache),
    /// There can be no answer.
    #[error("{0}")]
    Lookup(#[from] LookupError),
    /// The output; a closed pipe is no error.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
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
    /// When nothing can be looked up, or it cannot print.
    pub fn run(self) -> Result<ExitCode, CommandError> {
        let (cache, origin) = match self.cache_dir {
            Some(dir) => here(dir, self.hash_type),
            None => match self.file.read() {
                Ok(config) => (config.job_cache.clone()?, config.origin()),
                Err(mistakes) => return Ok(super::refuse(&mistakes)?),
            },
        };
        let minions: BTreeSet<MinionId> = self.minions.into_iter().map(MinionId).collect();
        let request = LookupRequest {
            jid: self.jid,
            minions: Some(minions.into_iter().collect()).filter(|ids: &Vec<_>| !ids.is_empty()),
            full: self.full,
        };
        let reply = cache.answer(&origin, &request)?;
        if !reply.knows() {
            let dir = cache.dir.join("jobs");
            writeln!(
                io::stderr(),
                "no job {} in {}: Salt keeps jobs for `keep_jobs_seconds`, a day unless set",
                request.jid,
                dir.display()
            )?;
            return Ok(ExitCode::FAILURE);
        }
        match print(&reply, self.json) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
        }
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
