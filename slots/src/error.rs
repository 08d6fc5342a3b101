//! Errors of the commands.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use rds_admission::pool::split::InvalidSplit;
use rds_admission::pool::{InvalidSize, PoolName};
use rds_admission::secret::{InvalidHost, SecretError};
use rds_admission::session::SessionError;
use rds_admission::store::StoreError;
use rds_admission::telemetry::Panicked;
use thiserror::Error as ThisError;

/// Why a command failed. Each text names what was tried and what to do, in one line.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    #[error("no table given: use --table NAME or SLOTS_TABLE (the stack's output TableName)")]
    NoTableGiven,
    #[error("no AWS region: set AWS_REGION, or a region in ~/.aws/config")]
    NoRegion,
    #[error(
        "no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (after an \
         SSO login: eval \"$(aws configure export-credentials --format env)\")"
    )]
    NoCredentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("there is no table {table:?} in region {region}, in the account of these credentials")]
    NoTable { table: String, region: String },
    #[error("there is no pool {pool:?} in table {table:?}: give --pool (the stack's output PoolName)", pool = pool.as_str())]
    NoPool { pool: PoolName, table: String },
    #[error("table {table:?} in region {region}")]
    Table { table: String, region: String, source: StoreError },
    #[error("invalid size: give another N, or another --priority")]
    Size(#[from] InvalidSize),
    #[error("pool {pool} can't be split like that", pool = pool.as_str())]
    Split { pool: PoolName, source: InvalidSplit },
    /// The pool has fewer items, but the others are still in the table.
    #[error(
        "pool {pool} has its new size, but its surplus items could not be removed, which takes \
         dynamodb:DeleteItem; no slot is granted in them. Run the same command again",
        pool = pool.as_str()
    )]
    SurplusItems { pool: PoolName, source: StoreError },
    #[error("secret {id:?}")]
    Secret { id: String, source: SecretError },
    /// The URL is not repeated, because it holds a password.
    #[error("the database's address must be mysql://user:password@host:port/database")]
    Url(#[source] Option<mysql_async::UrlError>),
    #[error("invalid host in the database's address")]
    Host(#[source] InvalidHost),
    #[error("the database at {host}:{port}")]
    Database { host: String, port: u16, source: SessionError },
    #[error("the database returned no row for its settings")]
    NoSettings,
    #[error("this is a bug of slots; the command may have taken effect")]
    Panicked(#[from] Panicked),
    #[error("the output can't be written")]
    Output(#[source] std::io::Error),
}

impl Error {
    /// Converts an error of the store, with the names that the user gave.
    pub(crate) fn from_store(error: StoreError, table: &str, region: &str) -> Self {
        let (table, region) = (table.to_owned(), region.to_owned());
        match error {
            StoreError::UnknownPool(pool) => Self::NoPool { pool, table },
            StoreError::Split { pool, source } => Self::Split { pool, source },
            // Items are removed last.
            StoreError::Table { phase: REMOVE, ref pool, .. }
            | StoreError::Throttled { phase: REMOVE, ref pool, .. } => {
                Self::SurplusItems { pool: pool.clone(), source: error }
            }
            StoreError::Table { ref source, .. } if is_no_table(source.as_ref()) => {
                Self::NoTable { table, region }
            }
            source => Self::Table { table, region, source },
        }
    }
}

/// The store's phase in which an item is removed.
const REMOVE: &str = "remove";

/// Whether a read failed because the table does not exist. Every command reads before it writes.
fn is_no_table(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let read = source.downcast_ref::<SdkError<GetItemError>>();
    read.and_then(SdkError::as_service_error)
        .is_some_and(GetItemError::is_resource_not_found_exception)
}
