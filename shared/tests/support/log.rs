//! What is logged while something runs.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::instrument::WithSubscriber;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What `work` returns, and the lines that are logged meanwhile.
pub(crate) async fn logged<T>(work: impl Future<Output = T>) -> (T, Vec<String>) {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    let value = work.with_subscriber(subscriber.finish()).await;
    let bytes = written.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = String::from_utf8(bytes).expect("UTF-8");
    (value, text.lines().map(ToOwned::to_owned).collect())
}
