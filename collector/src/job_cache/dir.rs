//! Directories and files of the job cache, opened so that nothing in it can lead out of it, hang, or fill the memory.
//! It knows no file's name and reads no content.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use nix::NixPath;
use nix::dir::{Dir as Listing, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fstatat};

/// The longest file that is read: a return is bounded by the master's `max_event_size`, 1 MiB unless raised.
const MAX_FILE: u64 = 16 << 20;

/// A link is not followed, and a pipe that nobody writes to is not waited for.
const SAFE: OFlag = OFlag::O_NOFOLLOW
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY);

/// Why a file or a directory cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileError {
    #[error("is no longer there")]
    Gone,
    #[error("cannot be read: permission denied")]
    Denied,
    #[error("is a link, or no directory; links are not followed")]
    Link,
    #[error("is no regular file")]
    NoFile,
    #[error("is longer than 16 MiB")]
    TooLong,
    #[error("cannot be read: {}", .0.desc())]
    Other(Errno),
}

impl From<Errno> for FileError {
    fn from(errno: Errno) -> FileError {
        if errno == Errno::ENOENT {
            FileError::Gone
        } else if matches!(errno, Errno::EACCES | Errno::EPERM) {
            FileError::Denied
        } else if matches!(errno, Errno::ELOOP | Errno::ENOTDIR) {
            FileError::Link
        } else {
            FileError::Other(errno)
        }
    }
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    File,
    Dir,
    Other,
}

/// An open directory. That it is renamed or removed changes nothing of what it is.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

impl Dir {
    /// One that the configuration names: links on the way to it are the operator's own.
    pub(crate) fn open(path: &Path) -> Result<Dir, FileError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Dir(open(path, flags, Mode::empty())?))
    }

    /// One directly in this one.
    pub(crate) fn dir<P: ?Sized + NixPath>(&self, name: &P) -> Result<Dir, FileError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | SAFE;
        Ok(Dir(openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Whether a name is there, whatever it is.
    pub(crate) fn has<P: ?Sized + NixPath>(&self, name: &P) -> bool {
        fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok()
    }

    /// A file's bytes; none where there is no such file.
    pub(crate) fn read<P: ?Sized + NixPath>(&self, name: &P) -> Result<Option<Vec<u8>>, FileError> {
        let file = match openat(&self.0, name, OFlag::O_RDONLY | SAFE, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ENXIO) => return Err(FileError::NoFile), // a socket
            Err(errno) => return Err(errno.into()),
        };
        let meta = file.metadata().map_err(|error| errno(&error))?;
        if !meta.is_file() {
            return Err(FileError::NoFile);
        }
        if meta.len() > MAX_FILE {
            return Err(FileError::TooLong);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or_default() + 1);
        let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
        read.map_err(|error| errno(&error))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
            return Err(FileError::TooLong); // it grew
        }
        Ok(Some(bytes))
    }

    /// What is in it, without `.` and `..`, by name.
    pub(crate) fn entries(&self) -> Result<Vec<(Vec<u8>, Kind)>, FileError> {
        let mut listing = Listing::from_fd(self.dir(c".")?.0)?;
        let mut entries = Vec::new();
        for entry in listing.iter() {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                let kind = self.kind(name, entry.file_type());
                entries.push((name.to_bytes().to_vec(), kind));
            }
        }
        entries.sort_unstable();
        Ok(entries)
    }

    /// Some file systems do not say it in the listing.
    fn kind(&self, name: &CStr, listed: Option<Type>) -> Kind {
        match listed {
            Some(Type::File) => Kind::File,
            Some(Type::Directory) => Kind::Dir,
            Some(_) => Kind::Other,
            None => match fstatat(self.0.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(stat) => match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
                    kind if kind == SFlag::S_IFREG => Kind::File,
                    kind if kind == SFlag::S_IFDIR => Kind::Dir,
                    _ => Kind::Other,
                },
                Err(_) => Kind::Other,
            },
        }
    }
}

fn errno(error: &std::io::Error) -> FileError {
    Errno::from_raw(error.raw_os_error().unwrap_or_default()).into()
}
