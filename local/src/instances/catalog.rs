//! The functions that exist, asked from the Lambda API and remembered for a moment.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::Instant;

use super::FunctionRecord;
use super::code;
use crate::aws::Aws;

/// A record of this age is asked for anew in the background.
const FRESH: Duration = Duration::from_secs(1);
/// A record of this age is not used any more: whoever needs it waits for a new one.
const STALE: Duration = Duration::from_secs(3);

/// A function that can be started: its record, and the folder its code lies in.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) record: FunctionRecord,
    pub(super) code: PathBuf,
}

struct Entry {
    function: Arc<Function>,
    asked: Instant,
    refreshing: bool,
}

/// Remembers records so that a busy function does not cost one API call more an invocation.
pub(super) struct Catalog {
    aws: Aws,
    code: PathBuf,
    known: Mutex<HashMap<String, Entry>>,
    /// When functions were last changed. What was asked for earlier may be what they were before.
    changed: Mutex<HashMap<String, Instant>>,
    /// Held while asking, so that a burst asks once.
    asking: tokio::sync::Mutex<()>,
}

impl Catalog {
    /// Asks `aws`, unpacks code below the folder `code`.
    pub(super) fn new(aws: Aws, code: PathBuf) -> Self {
        let (known, changed) = (Mutex::default(), Mutex::default());
        Self { aws, code, known, changed, asking: tokio::sync::Mutex::default() }
    }

    /// The function called `name`, or `None` when there is none.
    pub(super) async fn get(self: &Arc<Self>, name: &str) -> Result<Option<Arc<Function>>> {
        if let Some(function) = self.remembered(name) {
            return Ok(Some(function));
        }
        let _one_at_a_time = self.asking.lock().await;
        if let Some(function) = self.remembered(name) {
            return Ok(Some(function));
        }
        self.ask(name).await
    }

    /// Asks anew before the function called `name` is used again.
    pub(super) fn forget(&self, name: &str) {
        self.changes().insert(name.to_owned(), Instant::now());
        self.lock().remove(name);
    }

    fn remembered(self: &Arc<Self>, name: &str) -> Option<Arc<Function>> {
        let mut known = self.lock();
        let entry = known.get_mut(name)?;
        let age = entry.asked.elapsed();
        if age >= STALE {
            return None;
        }
        if age >= FRESH && !entry.refreshing {
            entry.refreshing = true;
            let (catalog, name) = (Arc::clone(self), name.to_owned());
            tokio::spawn(async move {
                // Nobody waits for this. When it fails, the record grows stale and the next
                // invocation meets the error itself.
                let _ = catalog.ask(&name).await;
            });
        }
        Some(Arc::clone(&entry.function))
    }

    async fn ask(&self, name: &str) -> Result<Option<Arc<Function>>> {
        let asked = Instant::now();
        let Some(record) = self.aws.function(name).await? else {
            self.lock().remove(name);
            return Ok(None);
        };
        let code = code::unpack(&self.aws, &record, &self.code)
            .await
            .with_context(|| format!("getting the code of {name}"))?;
        let function = Arc::new(Function { record, code });
        let mut known = self.lock();
        if self.changes().get(name).is_none_or(|changed| asked > *changed) {
            let entry = Entry { function: Arc::clone(&function), asked, refreshing: false };
            known.insert(name.to_owned(), entry);
        }
        Ok(Some(function))
    }

    fn changes(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
