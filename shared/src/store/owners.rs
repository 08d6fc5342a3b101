//! Who looks after a pool: the stack whose resource made it.
//!
//! It is not said in the pool's own items, which have no byte to spare: a full pool of 62 slots comes to the
//! 1,024 bytes that one write unit covers. It is an item of its own beside them, `<pool>#owner`, which no
//! decision reads or writes. Who may write the pool's items (`<pool>` and `<pool>#*`) may write it too.

use std::fmt;
use std::future::Future;

use serde::Serialize;

use super::StoreError;
use crate::pool::PoolName;

/// A resource of a CloudFormation stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The stack's id, an ARN.
    pub stack: String,
    /// The resource's logical id in the template.
    pub resource: String,
}

impl Owner {
    /// The stack's name; its id where that is not an ARN
    /// (`arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID`).
    #[must_use]
    pub fn stack_name(&self) -> &str {
        let name = self.stack.split_once(":stack/").and_then(|(_, rest)| rest.split('/').next());
        name.filter(|name| !name.is_empty()).unwrap_or(&self.stack)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.stack_name();
        write!(f, "stack {name}")?;
        if name != self.stack {
            write!(f, " ({})", self.stack)?;
        }
        Ok(())
    }
}

/// What the table says of a pool's owner.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ownership {
    /// Who it is; `None`: whoever it was has given it up.
    pub owner: Option<Owner>,
    /// The pool that its slots were handed over to, or were about to be.
    pub handed_to: Option<PoolName>,
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The pool is the claimant's.
    Yes,
    /// Another stack owns it, or another resource of the same one.
    By(Owner),
}

/// A table that knows who owns its pools. A claim does not need the pool to be there, and says nothing of
/// its slots.
pub trait Owners: Send + Sync {
    /// What is known of the owner of `pool`. `None`: it has had none; a version that knew no owners made it,
    /// if it is there.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ownership(
        &self,
        pool: &PoolName,
    ) -> impl Future<Output = Result<Option<Ownership>, StoreError>> + Send;

    /// Makes `owner` the owner of `pool`, unless another is, and writes down where its slots are handed to.
    /// Another resource of the same stack is another: when CloudFormation undoes what one has claimed, the
    /// other still has the pool.
    ///
    /// # Errors
    /// [`StoreError`]; the owner is then as before, or as asked for.
    fn claim(
        &self,
        pool: &PoolName,
        owner: &Owner,
        handed_to: Option<&PoolName>,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Ends what `owner` has to do with `pool`; of another's it changes nothing. `pool_is_gone` says whether
    /// the pool was removed: one that is left may be claimed by anybody.
    ///
    /// # Errors
    /// [`StoreError`]; the owner may still be the owner.
    fn disown(
        &self,
        pool: &PoolName,
        owner: &Owner,
        pool_is_gone: bool,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(stack: &str) -> Owner {
        Owner { stack: stack.to_owned(), resource: "Pool".to_owned() }
    }

    #[test]
    fn an_owner_is_named_by_its_stack() {
        let arn = "arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0-da77-11e4";
        assert_eq!(owner(arn).stack_name(), "orders");
        assert_eq!(owner(arn).to_string(), format!("stack orders ({arn})"));
        for odd in ["stack", "", "arn:aws:cloudformation:::stack/"] {
            assert_eq!(owner(odd).to_string(), format!("stack {odd}"));
        }
    }
}
