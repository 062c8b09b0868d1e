//! `init`: a first configuration, commented, with what the master's own configuration says.
//! It looks at no socket and no service: whether the master runs is not its question.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use pillarbox_config::new_file;

use super::hostname;
use crate::config::{Found, MASTER_FILE};

/// Every key of this version, most of them as comments; in braces what is filled in.
const TEMPLATE: &str = include_str!("../../templates/init.yaml");

/// The options of `init`.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Write it to this file instead, which must not be there yet.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The master's own configuration.
    #[arg(long, value_name = "FILE", default_value = MASTER_FILE)]
    salt_config: PathBuf,
}

impl Init {
    /// Prints it, or writes it to a file that is not there yet.
    ///
    /// # Errors
    /// When it cannot say what is wrong.
    pub fn run(&self) -> io::Result<ExitCode> {
        match new_file::write(&self.filled_in(), self.output.as_deref()) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => {
                let file = self
                    .output
                    .as_deref()
                    .map(|file| file.display().to_string());
                let file = file.unwrap_or_else(|| "standard output".to_owned());
                writeln!(io::stderr(), "cannot write {file}: {error}")?;
                Ok(ExitCode::FAILURE)
            }
        }
    }

    /// Where nothing was found, what must be known is written out, for a person to correct.
    fn filled_in(&self) -> String {
        let found = Found::look(&self.salt_config);
        let config = self.salt_config.display().to_string();
        let (sign, says) = match &found.nothing {
            None => (
                "# ",
                format!("Found in {config}: what stands in the comments below."),
            ),
            Some(why) => (
                "",
                format!("Nothing was found: {why}. Correct `master` and `sock_dir` here."),
            ),
        };
        let master = match &found.id {
            Some(id) => format!("{sign}master: \"{id}\""),
            None => format!("{sign}master: \"{}\" # this host's name", hostname()),
        };
        let sock_dir = format!("{sign}sock_dir: \"{}\"", found.sock_dir.display());
        let values = [
            ("{found}", says),
            ("{config}", config),
            ("{master}", master),
            ("{sock_dir}", sock_dir),
            ("{user}", found.user),
            ("{max_event_size}", found.max_event_size.to_string()),
            ("{ipc_mode}", found.ipc_mode),
            ("{port}", found.port.to_string()),
            ("{cachedir}", found.cachedir.display().to_string()),
            ("{hash_type}", found.hash_type.clone()),
        ];
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        values.iter().fold(TEMPLATE.to_owned(), fill)
    }
}
