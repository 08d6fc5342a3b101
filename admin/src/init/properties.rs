//! The custom resource's properties. CloudFormation passes every value as a string.

use std::num::NonZeroU32;

use rds_admission::pool::PoolName;
use serde_json::Value;
use thiserror::Error;

/// A property is missing or invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name} {problem}")]
pub(super) struct InvalidProperty {
    name: &'static str,
    problem: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Properties {
    pub(super) pool: PoolName,
    /// The server's connections that the pool is sized for; `None`: its `max_connections`.
    pub(super) max_connections: Option<NonZeroU32>,
    /// Connections outside the pool.
    pub(super) reserved_connections: u32,
    pub(super) priority_slots: u32,
    /// Items to split the pool over; `None`: chosen by size.
    pub(super) shards: Option<NonZeroU32>,
}

impl Properties {
    /// Parses the properties. The error names the first invalid one.
    pub(super) fn parse(properties: &Value) -> Result<Self, InvalidProperty> {
        const POOL: &str = "PoolName";
        let name = properties.get(POOL).and_then(Value::as_str).ok_or_else(|| missing(POOL))?;
        let invalid = |error| InvalidProperty { name: POOL, problem: format!("{error}") };
        Ok(Self {
            pool: name.parse().map_err(invalid)?,
            max_connections: NonZeroU32::new(number(properties, "MaxConnections")?),
            reserved_connections: number(properties, "ReservedConnections")?,
            priority_slots: number(properties, "PrioritySlots")?,
            shards: match properties.get("Shards") {
                Some(_) => NonZeroU32::new(number(properties, "Shards")?),
                None => None,
            },
        })
    }
}

fn missing(name: &'static str) -> InvalidProperty {
    InvalidProperty { name, problem: "is missing".to_owned() }
}

fn number(properties: &Value, name: &'static str) -> Result<u32, InvalidProperty> {
    let number = match properties.get(name).ok_or_else(|| missing(name))? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        _ => None,
    };
    let invalid = || InvalidProperty { name, problem: "must be a whole number".to_owned() };
    number.ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn properties() -> Value {
        json!({
            "ServiceToken": "arn", "PoolName": "Prod_MySQL", "MaxConnections": "66",
            "ReservedConnections": "4", "PrioritySlots": 2,
        })
    }

    #[test]
    fn strings_and_numbers_are_read() {
        let read = Properties::parse(&properties()).expect("properties");
        assert_eq!(read.max_connections, NonZeroU32::new(66));
        assert_eq!((read.reserved_connections, read.priority_slots), (4, 2));
        let mut ask = properties();
        ask["MaxConnections"] = json!("0");
        assert_eq!(Properties::parse(&ask).expect("properties").max_connections, None);
        for (shards, read) in [("0", None), ("3", NonZeroU32::new(3))] {
            ask["Shards"] = json!(shards);
            assert_eq!(Properties::parse(&ask).expect("properties").shards, read);
        }
    }

    #[test]
    fn an_invalid_property_is_named() {
        for name in ["PoolName", "MaxConnections", "ReservedConnections", "PrioritySlots"] {
            for value in [json!(null), json!(""), json!("+ 1"), json!(-1), json!("a b"), json!([])]
            {
                let mut wrong = properties();
                wrong[name] = value;
                assert_eq!(Properties::parse(&wrong).expect_err("wrong").name, name, "{wrong}");
            }
            let mut gone = properties();
            gone.as_object_mut().expect("an object").remove(name);
            assert_eq!(Properties::parse(&gone), Err(missing(name)));
        }
    }
}
