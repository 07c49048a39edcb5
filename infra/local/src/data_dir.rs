//! The folder that holds everything the local stack keeps, and who may use it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that this process alone uses, until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
    temporary: Option<TempDir>,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another local stack runs on it.
    #[error("{} is in use by another local stack; stop it, or choose another folder with --data", .0.display())]
    InUse(PathBuf),
    /// It cannot be created or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl DataDir {
    /// Opens a folder, creating it where needed; none means a temporary one that vanishes in the end.
    ///
    /// # Errors
    /// When it is in use, or cannot be written.
    pub fn open(path: Option<&Path>) -> Result<Self, DataDirError> {
        let io = |source| DataDirError::Io {
            path: path.unwrap_or(Path::new("a temporary folder")).to_owned(),
            source,
        };
        let temporary = if path.is_none() {
            Some(tempfile::tempdir().map_err(io)?)
        } else {
            None
        };
        let folder = match (&temporary, path) {
            (Some(temporary), _) => temporary.path(),
            (None, Some(path)) => path,
            (None, None) => Path::new("."),
        };
        fs::create_dir_all(folder).map_err(io)?;
        let folder = folder.canonicalize().map_err(io)?;
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(folder.join("lock"))
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: folder,
                _lock: lock,
                temporary,
            }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(folder)),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// A file or folder in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether nothing in it needs to outlive the process.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

/// Writes a file so that it is there whole or not at all.
///
/// # Errors
/// When the file system refuses.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    file.write_all(content)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_by_one_at_a_time() {
        let outer = tempfile::tempdir().unwrap();
        let first = DataDir::open(Some(outer.path())).unwrap();
        assert!(matches!(
            DataDir::open(Some(outer.path())),
            Err(DataDirError::InUse(_))
        ));
        drop(first);
        assert!(DataDir::open(Some(outer.path())).is_ok());
    }
}
