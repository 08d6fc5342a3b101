//! The fields of a request.

use serde_json::{Map, Value};

use super::InvalidRequest;
use crate::pool::{Class, LeaseId, MAX_LEASE, PoolName};
use crate::time::Seconds;

const POOL: &str = "RDBMSName";

/// The fields of a payload. Each error names the field.
#[derive(Clone, Copy)]
pub(super) struct Fields<'p>(pub(super) &'p Map<String, Value>);

impl<'p> Fields<'p> {
    /// Fails when there is a field besides `op`, the pool's and `these`.
    pub(super) fn only(self, these: &[&str]) -> Result<(), InvalidRequest> {
        let is_known = |field: &&String| {
            ["op", POOL].contains(&field.as_str()) || these.contains(&field.as_str())
        };
        match self.0.keys().find(|field| !is_known(field)) {
            Some(unknown) => Err(InvalidRequest::new(unknown, "is not a field of this request")),
            None => Ok(()),
        }
    }

    pub(super) fn pool(self) -> Result<PoolName, InvalidRequest> {
        self.required(POOL)?.parse().map_err(|e| InvalidRequest::new(POOL, format!("{e}")))
    }

    pub(super) fn lease(self) -> Result<LeaseId, InvalidRequest> {
        const FIELD: &str = "lease";
        self.required(FIELD)?.parse().map_err(|e| InvalidRequest::new(FIELD, format!("{e}")))
    }

    pub(super) fn class(self) -> Result<Class, InvalidRequest> {
        const FIELD: &str = "class";
        let class = self.text(FIELD)?.map(str::parse).transpose();
        class.map(Option::unwrap_or_default).map_err(|e| InvalidRequest::new(FIELD, format!("{e}")))
    }

    pub(super) fn ttl(self) -> Result<Seconds, InvalidRequest> {
        const FIELD: &str = "ttlSeconds";
        let value = self.0.get(FIELD).ok_or_else(|| InvalidRequest::new(FIELD, "is missing"))?;
        let seconds = value.as_u64().and_then(|n| u32::try_from(n).ok()).map(Seconds);
        let in_range = seconds.filter(|ttl| (Seconds(1)..=MAX_LEASE).contains(ttl));
        let problem = || format!("must be a whole number from 1 to {}", MAX_LEASE.0);
        in_range.ok_or_else(|| InvalidRequest::new(FIELD, problem()))
    }

    /// Returns a whole number of at least `least`, if the field is present.
    pub(super) fn whole(
        self,
        field: &'static str,
        least: u32,
    ) -> Result<Option<u32>, InvalidRequest> {
        let Some(value) = self.0.get(field) else { return Ok(None) };
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n >= least);
        let problem = || format!("must be a whole number from {least} on");
        number.map(Some).ok_or_else(|| InvalidRequest::new(field, problem()))
    }

    fn text(self, field: &'static str) -> Result<Option<&'p str>, InvalidRequest> {
        match self.0.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(InvalidRequest::new(field, "must be a string")),
        }
    }

    fn required(self, field: &'static str) -> Result<&'p str, InvalidRequest> {
        self.text(field)?.ok_or_else(|| InvalidRequest::new(field, "is missing"))
    }
}
