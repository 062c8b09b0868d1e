//! `init`: a first configuration, commented.
//! It asks nothing and looks at nothing: what is to be changed in it, its comments say.

use std::path::Path;
use std::process::ExitCode;

use pillarbox_config::new_file;

/// Every key of this version, most of them as comments.
const TEMPLATE: &str = include_str!("../../templates/init.yaml");

/// Prints it, or writes it to a file that is not there yet.
#[expect(clippy::print_stderr, reason = "said to a person")]
pub fn init(output: Option<&Path>) -> ExitCode {
    match new_file::write(TEMPLATE, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let file = output.unwrap_or(Path::new("standard output"));
            eprintln!("cannot write {}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}
