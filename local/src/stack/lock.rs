//! One stack per folder: its process holds the lock on the file `pid`.
//!
//! The kernel releases the lock when the process ends in any way. So a stale file is harmless, and waiting for the lock
//! is waiting for the end of the process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

const FILE: &str = "pid";

/// The right to run a stack in a folder. Released when dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; an error names the process that holds it.
    pub(crate) fn take(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        let mut file = open(dir)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)
                    .and_then(|()| write!(file, "{}", std::process::id()))
                    .with_context(|| format!("writing {}", dir.join(FILE).display()))?;
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                bail!("a stack is up already in {} (pid {})", dir.display(), read(&mut file))
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("locking {}", dir.join(FILE).display()))
            }
        }
    }

    /// The id of the process that holds the lock; 0 when it has just taken it.
    pub(crate) fn holder(dir: &Path) -> Result<Option<u32>> {
        if !dir.join(FILE).exists() {
            return Ok(None);
        }
        let mut file = open(dir)?;
        // A shared lock, so that concurrent callers of this do not block each other.
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read(&mut file))),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("locking {}", dir.join(FILE).display()))
            }
        }
    }

    /// Waits until the lock is free.
    pub(crate) fn wait_until_free(dir: &Path) -> Result<()> {
        open(dir)?
            .lock_shared()
            .with_context(|| format!("waiting for {}", dir.join(FILE).display()))
    }
}

fn open(dir: &Path) -> Result<File> {
    let path = dir.join(FILE);
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))
}

fn read(file: &mut File) -> u32 {
    let mut text = String::new();
    let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
    pid.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder(dir.path()).unwrap(), None);
        let lock = Lock::take(dir.path()).unwrap();
        let me = std::process::id();
        let refused = Lock::take(dir.path()).unwrap_err().to_string();
        assert!(refused.ends_with(&format!("(pid {me})")), "{refused}");
        assert_eq!(Lock::holder(dir.path()).unwrap(), Some(me));
        drop(lock);
        assert_eq!(Lock::holder(dir.path()).unwrap(), None);
        Lock::wait_until_free(dir.path()).unwrap();
        Lock::take(dir.path()).unwrap();
    }
}
