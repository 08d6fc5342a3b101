//! Why something could not be done.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use rds_admission::pool::split::InvalidSplit;
use rds_admission::pool::{InvalidSize, PoolName};
use rds_admission::secret::{InvalidHost, SecretError};
use rds_admission::session::SessionError;
use rds_admission::store::StoreError;
use rds_admission::telemetry::Panicked;
use thiserror::Error as ThisError;

/// Why something could not be done. Each says in one line what was tried and what to do.
#[derive(Debug, ThisError)]
pub enum Error {
    /// No table was named.
    #[error(
        "no table was named: give --table NAME or set SLOTS_TABLE (the stack's output TableName)"
    )]
    NoTableNamed,
    /// There is no region.
    #[error("no AWS region: set AWS_REGION, or a region in ~/.aws/config")]
    NoRegion,
    /// There are no credentials.
    #[error(
        "no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (after a \
         login by SSO: eval \"$(aws configure export-credentials --format env)\")"
    )]
    NoCredentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The account and region have no such table.
    #[error("there is no table {table:?} in region {region}, in the account of these credentials")]
    NoTable {
        /// The table.
        table: String,
        /// The region.
        region: String,
    },
    /// The table has no such pool.
    #[error("there is no pool {pool:?} in table {table:?}: give --pool (the stack's output PoolName)", pool = pool.as_str())]
    NoPool {
        /// The pool.
        pool: PoolName,
        /// The table.
        table: String,
    },
    /// The table failed.
    #[error("table {table:?} in region {region}")]
    Table {
        /// The table.
        table: String,
        /// The region.
        region: String,
        /// What failed.
        source: StoreError,
    },
    /// The numbers make no pool.
    #[error("no such size: give another N, or another --priority")]
    Size(#[from] InvalidSize),
    /// The slots can't be divided like that.
    #[error("pool {pool} can't be split like that", pool = pool.as_str())]
    Split {
        /// The pool.
        pool: PoolName,
        /// Why not.
        source: InvalidSplit,
    },
    /// The pool has fewer items, but the others are in the table still.
    #[error(
        "pool {pool} has its new size, but the items that it no longer has could not be removed, which \
         takes dynamodb:DeleteItem; no slot is granted in them. Give the same command again",
        pool = pool.as_str()
    )]
    LeftOver {
        /// The pool.
        pool: PoolName,
        /// What failed.
        source: StoreError,
    },
    /// The secret could not be read.
    #[error("secret {id:?}")]
    Secret {
        /// Its ARN or name.
        id: String,
        /// Why not.
        source: SecretError,
    },
    /// The database's address can't be used. It is not repeated: it holds a password.
    #[error("the database's address must be mysql://user:password@host:port/database")]
    Address(#[source] Option<mysql_async::UrlError>),
    /// The database's address names no server that could be.
    #[error("the host in the database's address can't be used")]
    Host(#[source] InvalidHost),
    /// The database could not be asked.
    #[error("the database at {host}:{port}")]
    Database {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// What went wrong.
        source: SessionError,
    },
    /// The database does not say how it is set.
    #[error("the database's settings came without a row")]
    NoSettings,
    /// The command itself is at fault.
    #[error("this is a defect of slots; what was asked for may have been done")]
    Panicked(#[from] Panicked),
    /// The answer could not be written.
    #[error("the answer can't be written")]
    Answer(#[source] std::io::Error),
}

impl Error {
    /// What a failing store means here.
    pub(crate) fn of_store(error: StoreError, table: &str, region: &str) -> Self {
        let (table, region) = (table.to_owned(), region.to_owned());
        match error {
            StoreError::UnknownPool(pool) => Self::NoPool { pool, table },
            StoreError::Split { pool, source } => Self::Split { pool, source },
            // Items are removed when all else is done.
            StoreError::Table { phase: REMOVE, ref pool, .. }
            | StoreError::Throttled { phase: REMOVE, ref pool, .. } => {
                Self::LeftOver { pool: pool.clone(), source: error }
            }
            StoreError::Table { ref source, .. } if is_no_table(source.as_ref()) => {
                Self::NoTable { table, region }
            }
            source => Self::Table { table, region, source },
        }
    }
}

/// What the store calls the removal of an item.
const REMOVE: &str = "remove";

/// Whether reading failed because there is no table. Every command reads before it writes.
fn is_no_table(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let read = source.downcast_ref::<SdkError<GetItemError>>();
    read.and_then(SdkError::as_service_error)
        .is_some_and(GetItemError::is_resource_not_found_exception)
}
