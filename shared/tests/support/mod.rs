//! What the tests share: an embedded DynamoDB behind real HTTP, and a counter without a Lambda.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(missing_docs, clippy::missing_panics_doc)]

pub(crate) mod capacity;
pub(crate) mod counter;
pub(crate) mod dynamo;
pub(crate) mod faults;

use rds_admission::pool::{LeaseId, PoolName, PoolSize};

pub(crate) fn pool() -> PoolName {
    "Prod_MySQL".parse().expect("a name")
}

/// The size that the template gives its database: that of a db.t2.micro.
pub(crate) fn t2_micro() -> PoolSize {
    PoolSize::divide(66, 4, 2).expect("a size")
}

pub(crate) fn lease() -> LeaseId {
    LeaseId::random(&mut rand::rng())
}
