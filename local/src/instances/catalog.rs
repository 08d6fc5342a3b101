//! A cache of the deployed functions: their records from the Lambda API, and their unpacked code.

use std::collections::HashMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::Instant;
use zip::ZipArchive;

use crate::aws::{Aws, FunctionRecord};

/// A record of this age is refreshed in the background.
const FRESH: Duration = Duration::from_secs(1);
/// A record of this age is not used any more.
const STALE: Duration = Duration::from_secs(3);

/// A function that can be started.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) record: FunctionRecord,
    /// The folder of its unpacked code.
    pub(super) code: PathBuf,
}

struct Entry {
    function: Arc<Function>,
    fetched: Instant,
    refreshing: bool,
}

#[derive(Default)]
struct Cache {
    functions: HashMap<String, Entry>,
    /// When each function was last changed. A record that was requested earlier may be outdated.
    changed: HashMap<String, Instant>,
}

pub(super) struct Catalog {
    aws: Aws,
    code: PathBuf,
    cache: Mutex<Cache>,
    /// Held during a fetch, so that concurrent invocations cause one.
    fetching: tokio::sync::Mutex<()>,
}

impl Catalog {
    /// Unpacks code below the folder `code`.
    pub(super) fn new(aws: Aws, code: PathBuf) -> Self {
        Self { aws, code, cache: Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// The function called `name`, or `None` when there is none.
    pub(super) async fn get(self: &Arc<Self>, name: &str) -> Result<Option<Arc<Function>>> {
        if let Some(function) = self.cached(name) {
            return Ok(Some(function));
        }
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(function) = self.cached(name) {
            return Ok(Some(function));
        }
        self.fetch(name).await
    }

    /// Drops the cached record of a function that was changed.
    pub(super) fn invalidate(&self, name: &str) {
        let mut cache = self.cache();
        cache.changed.insert(name.to_owned(), Instant::now());
        cache.functions.remove(name);
    }

    fn cached(self: &Arc<Self>, name: &str) -> Option<Arc<Function>> {
        let mut cache = self.cache();
        let entry = cache.functions.get_mut(name)?;
        let age = entry.fetched.elapsed();
        if age >= STALE {
            return None;
        }
        if age >= FRESH && !entry.refreshing {
            entry.refreshing = true;
            let (catalog, name) = (Arc::clone(self), name.to_owned());
            // When this fails, the record becomes stale and the next invocation gets the error.
            tokio::spawn(async move { catalog.fetch(&name).await.ok() });
        }
        Some(Arc::clone(&entry.function))
    }

    async fn fetch(&self, name: &str) -> Result<Option<Arc<Function>>> {
        let fetched = Instant::now();
        let Some(record) = self.aws.function(name).await? else {
            self.cache().functions.remove(name);
            return Ok(None);
        };
        let code =
            self.unpack(&record).await.with_context(|| format!("unpacking the code of {name}"))?;
        let function = Arc::new(Function { record, code });
        let mut cache = self.cache();
        if cache.changed.get(name).is_none_or(|changed| fetched > *changed) {
            let entry = Entry { function: Arc::clone(&function), fetched, refreshing: false };
            cache.functions.insert(name.to_owned(), entry);
        }
        Ok(Some(function))
    }

    /// Downloads and unpacks the code of a function, once for each version. Returns its folder.
    async fn unpack(&self, record: &FunctionRecord) -> Result<PathBuf> {
        let folder = self.code.join(folder_name(&record.configuration.code_sha256));
        if folder.exists() {
            return Ok(folder);
        }
        let zip = self.aws.code(record).await?;
        let target = folder.clone();
        tokio::task::spawn_blocking(move || extract(&zip, &target))
            .await
            .context("unpacking was cut off")??;
        Ok(folder)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file name of a base64 hash, whose `/` and `+` are not allowed in one.
fn folder_name(code_sha256: &str) -> String {
    code_sha256
        .chars()
        .filter_map(|c| match c {
            '/' => Some('_'),
            '+' => Some('-'),
            '=' => None,
            other => Some(other),
        })
        .collect()
}

fn extract(zip: &[u8], folder: &Path) -> Result<()> {
    // Renamed at the end: a folder with the final name is complete.
    let aside = folder.with_extension(uuid::Uuid::new_v4().simple().to_string());
    ZipArchive::new(Cursor::new(zip))
        .context("reading the zip")?
        .extract(&aside)
        .context("unpacking the zip")?;
    match fs::rename(&aside, folder) {
        Err(_) if folder.exists() => fs::remove_dir_all(&aside),
        other => other,
    }
    .with_context(|| format!("renaming to {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn a_hash_makes_one_path_segment() {
        assert_eq!(folder_name("ab/c+d=="), "ab_c-d");
    }
}
