//! A database connection that ends before its lease does.
//!
//! A holder closes its connection before it releases its slot. One that cannot, because it was killed, frozen or
//! cut off, relies on the server: right after the login the session sets the server's limits for idle time and
//! for statements, so that the server ends the session before the lease expires ([`Limits`]).
//!
//! | file | concept |
//! |---|---|
//! | `handle` | [`Session`]: statements, closing, and the reset between two uses |
//! | `login` | [`Session::log_in`]: retries with other versions of the secret |
//! | `connect` | [`SessionOptions`]; one login, within its timeout |
//! | `relay` | the bytes between driver and server, guarded by the lease |
//! | `transaction` | whether the server may have something to roll back |
//! | `limits` | [`Limits`]: the limits that the server enforces |
//! | `baseline` | what a reset does not undo |
//! | `error`, `refusal` | [`SessionError`], and [`Refusal`]: why a server rejected a login |
//! | `tls` | [`Tls`]: encryption and trusted roots |

mod baseline;
mod connect;
mod error;
mod handle;
mod limits;
mod login;
mod refusal;
mod relay;
mod tls;
mod transaction;

pub use connect::SessionOptions;
pub use error::SessionError;
pub use handle::Session;
pub use limits::Limits;
pub use login::LoginError;
pub(crate) use login::is_gone;
pub use refusal::{MIN_CONNECT_ERRORS, Refusal};
pub use tls::{InvalidTls, Tls};
