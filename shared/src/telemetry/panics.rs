//! Panics as errors.
//!
//! A request whose handling panics still gets an answer, and the log names the place. A message that was formatted at
//! run time is left out: it may contain anything, even a password.

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::pin::pin;
use std::sync::{Once, OnceLock};
use std::task::Poll;

use thiserror::Error;

/// A panic: its place, and its message if that is a literal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("panicked at {place}{}", .message.map(|message| format!(" ({message})")).unwrap_or_default())]
pub struct Panicked {
    place: String,
    message: Option<&'static str>,
}

impl Panicked {
    /// The `outcome` in the log line of an invocation that panicked.
    pub const OUTCOME: &str = "panicked";

    fn of(info: &PanicHookInfo<'_>) -> Self {
        let place = info.location().map_or_else(unknown, ToString::to_string);
        Self { place, message: literal(info.payload()) }
    }
}

fn unknown() -> String {
    "an unknown place".to_owned()
}

fn literal(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

enum Catching {
    No,
    /// With the last panic so far.
    Yes(Option<Panicked>),
}

thread_local! {
    /// Whether panics of the code that runs on this thread now are caught.
    static CATCHING: RefCell<Catching> = const { RefCell::new(Catching::No) };
}

/// The report of an uncaught panic.
static REPORT: OnceLock<fn(&Panicked)> = OnceLock::new();

/// Sets the report of panics that [`catch_panic`] does not catch, such as those of background tasks, in place of the
/// standard one. To be called once; a second call does nothing.
pub fn report_panics(report: fn(&Panicked)) {
    let _ = REPORT.set(report);
    install();
}

/// Runs `work` and returns its panic as an error. A caught panic is not reported.
///
/// # Errors
/// [`Panicked`] when `work` panics, after its stack is unwound.
pub async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    install();
    let mut work = pin!(work);
    let mut seen = None;
    poll_fn(|context| {
        let outer = CATCHING.replace(Catching::Yes(seen.take()));
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        if let Catching::Yes(now) = CATCHING.replace(outer) {
            seen = now;
        }
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(seen
                .take()
                .unwrap_or_else(|| Panicked { place: unknown(), message: literal(&*payload) }))),
        }
    })
    .await
}

/// Installs the panic hook, once.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            // A panic in here would abort the process. The thread local may be gone on a thread that is ending.
            let is_caught =
                CATCHING.try_with(|catching| match catching.try_borrow_mut().as_deref_mut() {
                    Ok(Catching::Yes(seen)) => {
                        *seen = Some(Panicked::of(info));
                        true
                    }
                    Ok(Catching::No) | Err(_) => false,
                });
            let is_caught = is_caught.unwrap_or(false);
            match REPORT.get() {
                _ if is_caught => {}
                Some(report) => report(&Panicked::of(info)),
                None => before(info),
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::panic::resume_unwind;
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use futures::FutureExt;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_that_names_its_place_and_nothing_that_was_made_up() {
        let secret = std::hint::black_box("hunter2");
        let caught = catch_panic(async { panic!("the password is {secret}") }).await;
        let said = caught.map(|never: ()| never).expect_err("it panics").to_string();
        assert!(said.starts_with("panicked at shared/src/telemetry/panics.rs:"), "{said}");
        assert!(!said.contains("password"), "{said}");
        let caught = catch_panic(async { panic!("not implemented") }).await;
        let said = caught.map(|never: ()| never).expect_err("it panics").to_string();
        assert!(said.ends_with("(not implemented)"), "{said}");
    }

    #[tokio::test]
    async fn what_does_not_panic_is_passed_through() {
        let work = async {
            yield_now().await;
            3
        };
        assert_eq!(catch_panic(work).await, Ok(3));
    }

    /// As a slot is given back between a panic and its end.
    #[tokio::test]
    async fn a_panic_that_goes_on_after_a_pause_still_names_where_it_began() {
        let line = line!() + 2;
        let work = async {
            let panic = AssertUnwindSafe(async { panic!("first") }).catch_unwind().await;
            yield_now().await;
            resume_unwind(panic.map(|never: ()| never).expect_err("it panics"))
        };
        let other = async {
            let caught = catch_panic(async { panic!("another") }).await;
            caught.map(|never: ()| never).expect_err("it panics")
        };
        let (caught, other) = futures::join!(catch_panic(work), other);
        let said = caught.map(|never: ()| never).expect_err("it panics").to_string();
        assert!(said.contains(&format!("panics.rs:{line}:")) && said.contains("(first)"), "{said}");
        assert!(other.to_string().contains("(another)"), "{other}");
    }

    /// Panics when its thread is ending, and says whether that was survived.
    struct Last(Sender<bool>);

    impl Drop for Last {
        fn drop(&mut self) {
            let panic = catch_unwind(|| panic!("at the end of the thread"));
            let _ = self.0.send(panic.is_err());
        }
    }

    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }

    #[test]
    fn a_panic_on_a_thread_that_is_ending_does_not_abort_the_process() {
        let (sender, receiver) = channel();
        let thread = thread::spawn(|| {
            LAST.set(Some(Last(sender)));
            // What was used last is destroyed first.
            catch_panic(async {}).now_or_never()
        });
        assert_eq!(thread.join().expect("it ends"), Some(Ok(())));
        assert_eq!(receiver.recv(), Ok(true));
    }
}
