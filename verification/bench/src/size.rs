//! How many bytes an item takes, and what that is billed.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::table::Item;

/// The bytes of an item, as DynamoDB counts them
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>); of the
/// types that a pool has, and 0 for others.
#[must_use]
pub fn bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => {
            let digits = number.trim_start_matches(['-', '0']).trim_end_matches('0');
            digits.len().div_ceil(2) + 1
        }
        AttributeValue::Bool(_) => 1,
        AttributeValue::M(map) => {
            let members = map.iter().map(|(name, value)| name.len() + value_bytes(value) + 1);
            3 + members.sum::<usize>()
        }
        _ => 0,
    }
}

/// What a write of an item of so many bytes is billed: a unit for each started KB.
#[must_use]
pub fn write_units(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes.div_ceil(1_024).max(1)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::table::number;

    #[test]
    fn a_pool_takes_the_bytes_that_dynamodb_says() {
        let lease = |n: u32| (format!("lease{n:03}"), number(1_764_000_035));
        let item = Item::from([
            ("RDBMSName".to_owned(), AttributeValue::S("Prod_MySQL".to_owned())),
            ("InUse".to_owned(), number(17)),
            ("Drain".to_owned(), AttributeValue::Bool(true)),
            ("Leases".to_owned(), AttributeValue::M((0..2).map(lease).collect())),
        ]);
        let expected = (9 + 10) + (5 + 2) + (5 + 1) + (6 + 3 + 2 * (8 + 6 + 1));
        assert_eq!(bytes(&item), expected);
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "whole numbers")]
    fn units_are_for_started_kilobytes() {
        assert_eq!([0, 1_024, 1_025].map(write_units), [1.0, 1.0, 2.0]);
        assert_eq!(bytes(&HashMap::new()), 0);
    }
}
