//! One stack a folder: whoever runs it holds the lock on its `pid` file.
//!
//! The kernel drops the lock with the process, however that ends, so a stale file is no trouble
//! and waiting for the lock is waiting for the process's end.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};

const FILE: &str = "pid";

/// The right to run a stack in a folder. Ends when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who runs the stack of a folder.
#[derive(Debug)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// The process with this id.
    Process(u32),
}

impl Lock {
    /// Takes the lock, or says who holds it.
    ///
    /// # Errors
    /// When the folder or the file can't be used.
    pub fn take(dir: &Path) -> Result<Result<Self, Holder>> {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        let mut file = open(dir)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)
                    .and_then(|()| write!(file, "{}", std::process::id()))
                    .with_context(|| format!("writing {}", dir.join(FILE).display()))?;
                Ok(Ok(Self { _file: file }))
            }
            Err(TryLockError::WouldBlock) => Ok(Err(read(&mut file))),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("locking {}", dir.join(FILE).display()))
            }
        }
    }

    /// Who holds the lock now.
    ///
    /// # Errors
    /// When the file can't be used.
    pub fn holder(dir: &Path) -> Result<Holder> {
        if !dir.join(FILE).exists() {
            return Ok(Holder::Nobody);
        }
        let mut file = open(dir)?;
        // A shared lock: asking at the same time as somebody else must not look like holding.
        match file.try_lock_shared() {
            Ok(()) => Ok(Holder::Nobody),
            Err(TryLockError::WouldBlock) => Ok(read(&mut file)),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("locking {}", dir.join(FILE).display()))
            }
        }
    }

    /// Waits until nobody holds the lock.
    ///
    /// # Errors
    /// When the file can't be used.
    pub fn wait_until_free(dir: &Path) -> Result<()> {
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

fn read(file: &mut File) -> Holder {
    let mut text = String::new();
    let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
    // The holder writes its id right after it took the lock: 0 stands for "not yet".
    Holder::Process(pid.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Holder, Lock};

    #[test]
    fn one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Lock::holder(dir.path()).unwrap(), Holder::Nobody));
        let lock = Lock::take(dir.path()).unwrap().unwrap();
        let me = std::process::id();
        assert!(matches!(Lock::take(dir.path()).unwrap(), Err(Holder::Process(pid)) if pid == me));
        assert!(matches!(Lock::holder(dir.path()).unwrap(), Holder::Process(pid) if pid == me));
        drop(lock);
        assert!(matches!(Lock::holder(dir.path()).unwrap(), Holder::Nobody));
        Lock::wait_until_free(dir.path()).unwrap();
        Lock::take(dir.path()).unwrap().unwrap();
    }
}
