//! What the collector takes from the Salt master's own configuration: who it is and where its event bus and its job cache are.
//! It does not validate Salt's file: what Salt accepts is fine here, and unknown keys are not looked at.

use std::path::{Path, PathBuf};

use pillarbox_config::mistake::{Notes, Place};
use pillarbox_config::yaml::{self, Node, Value};

/// What the master's file says; absent where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Master {
    pub(crate) id: Option<String>,
    pub(crate) sock_dir: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) max_event_size: Option<usize>,
    pub(crate) ipc_mode: Option<String>,
    pub(crate) tcp_master_pub_port: Option<u16>,
    pub(crate) cachedir: Option<PathBuf>,
    pub(crate) hash_type: Option<String>,
    /// `job_cache`; absent is Salt's default, `True`.
    pub(crate) keeps_returns: Option<bool>,
    pub(crate) ext_job_cache: Option<String>,
    pub(crate) master_job_cache: Option<String>,
}

/// Why the master's file says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MasterError {
    /// It is not there, or may not be read.
    #[error("{path}, cannot be read: {source}")]
    Read {
        path: String,
        source: std::io::Error,
    },
    /// It is no YAML.
    #[error("{path}, is broken in line {line}, column {column}: {text}")]
    Parse {
        path: String,
        line: usize,
        column: usize,
        text: String,
    },
}

/// Reads the master's file and what it includes: later files win, as in Salt (`salt/config/__init__.py include_config`).
pub(crate) fn read(file: &Path) -> Result<Master, MasterError> {
    let mut settings = Settings::default();
    settings.merge(file)?;
    let dir = file.parent().unwrap_or(Path::new("/"));
    let default_include = settings
        .text("default_include")
        .unwrap_or_else(|| "master.d/*.conf".to_owned());
    for included in matching(dir, &default_include) {
        settings.merge(&included)?;
    }
    Ok(settings.master())
}

/// Every key of the files read so far; of equal ones the last counts.
#[derive(Default)]
struct Settings(Vec<(String, Node)>);

impl Settings {
    fn merge(&mut self, file: &Path) -> Result<(), MasterError> {
        let path = file.display().to_string();
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(source) => return Err(MasterError::Read { path, source }),
        };
        // What is noted of a tree that could be made is Salt's affair.
        let mut notes = Notes::default();
        let root = yaml::read(&text, &mut notes).map(|node| node.value);
        match (root, notes.first()) {
            (Some(Value::Map(entries)), _) => {
                let entries = entries.into_iter().map(|(key, node)| (key.text, node));
                self.0.extend(entries);
                Ok(())
            }
            (None, Some((Place { line, column }, mistake))) => Err(MasterError::Parse {
                path,
                line: *line,
                column: *column,
                text: mistake.to_string(),
            }),
            _ => Ok(()), // only comments: all of Salt's defaults
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        let (_, node) = self.0.iter().rev().find(|(k, _)| k == key)?;
        match &node.value {
            Value::Text(text) if !text.is_empty() => Some(text.clone()),
            Value::Text(_) | Value::Nothing | Value::List(_) | Value::Map(_) | Value::Spoilt => {
                None
            }
        }
    }

    fn master(&self) -> Master {
        let root_dir = PathBuf::from(self.text("root_dir").unwrap_or_else(|| "/".to_owned()));
        let number = |key: &str| self.text(key)?.parse::<usize>().ok();
        let dir = |key: &str, default: &str| match self.text(key) {
            Some(dir) => Some(below(&root_dir, Path::new(&dir))),
            None if self.text("root_dir").is_some() => Some(below(&root_dir, Path::new(default))),
            None => None,
        };
        Master {
            id: self.text("id"),
            sock_dir: dir("sock_dir", super::salt::SOCK_DIR),
            user: self.text("user"),
            max_event_size: number("max_event_size"),
            ipc_mode: self.text("ipc_mode"),
            tcp_master_pub_port: number("tcp_master_pub_port").and_then(|n| u16::try_from(n).ok()),
            cachedir: dir("cachedir", super::salt::CACHEDIR),
            hash_type: self.text("hash_type"),
            keeps_returns: self.text("job_cache").map(|text| !is_false(&text)),
            ext_job_cache: self.text("ext_job_cache"),
            master_job_cache: self.text("master_job_cache"),
        }
    }
}

/// What YAML 1.1, which Salt reads, takes for false.
fn is_false(text: &str) -> bool {
    ["false", "no", "off", "0"].contains(&text.to_ascii_lowercase().as_str())
}

/// Salt puts `root_dir` before every path that does not begin with it (`salt/config/__init__.py prepend_root_dir`).
fn below(root_dir: &Path, path: &Path) -> PathBuf {
    let path = path.strip_prefix(root_dir).unwrap_or(path);
    root_dir.join(path.strip_prefix("/").unwrap_or(path))
}

/// The files that `dir/*.ext` names, sorted. A pattern of another form names one file.
fn matching(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let pattern = dir.join(pattern);
    let name = pattern.file_name().and_then(|name| name.to_str());
    let Some((prefix, suffix)) = name.and_then(|name| name.split_once('*')) else {
        return pattern.is_file().then_some(pattern).into_iter().collect();
    };
    let Some(Ok(entries)) = pattern.parent().map(std::fs::read_dir) else {
        return Vec::new();
    };
    let fits = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|n| n.starts_with(prefix) && n.ends_with(suffix) && !n.starts_with('.'))
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(fits);
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_below_the_root_dir() {
        let check = |root: &str, path: &str, expect: &str| {
            assert_eq!(below(Path::new(root), Path::new(path)), Path::new(expect));
        };
        check("/", "/var/run/salt/master", "/var/run/salt/master");
        check("/lab", "/var/run/salt/master", "/lab/var/run/salt/master");
        check("/lab", "/lab/run", "/lab/run");
        check("/lab", "run", "/lab/run");
    }
}
