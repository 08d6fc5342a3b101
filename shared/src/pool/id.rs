//! Names of pools, leases and classes.

use std::fmt;
use std::str::FromStr;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// Not a pool's name.
    #[error("must be 1 to {max} characters of A-Z, a-z, 0-9, '_', '-' and '.'", max = PoolName::MAX_LENGTH)]
    Pool,
    /// Not a lease's id.
    #[error("must be 8 characters of the base64url alphabet (A-Z, a-z, 0-9, '-', '_')")]
    Lease,
    /// Not a class.
    #[error("must be \"standard\" or \"priority\"")]
    Class,
}

/// The name of a pool: the value of the table's key `RDBMSName`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PoolName(String);

impl PoolName {
    /// The longest name, in bytes. The template allows 32, which keeps a pool of the default size in one
    /// write unit; an RDS instance's identifier has at most 63
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html>).
    pub const MAX_LENGTH: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PoolName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        let fits = (1..=Self::MAX_LENGTH).contains(&name.len());
        let clean = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if fits && clean { Ok(Self(name.to_owned())) } else { Err(InvalidName::Pool) }
    }
}

impl TryFrom<String> for PoolName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        name.parse()
    }
}

impl From<PoolName> for String {
    fn from(name: PoolName) -> Self {
        name.0
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a lease: 8 characters that carry 48 random bits. The caller chooses it, so that a repeated
/// acquire is recognised.
///
/// For a caller that can't choose one (the article's protocol), the counter chooses an
/// [anonymous](Self::is_anonymous) id. Its first character, `~`, is outside the alphabet of callers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LeaseId([u8; Self::LENGTH]);

impl LeaseId {
    const LENGTH: usize = 8;
    const ANONYMOUS_MARK: u8 = b'~';
    /// base64url (RFC 4648, section 5): 6 bits a character.
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    /// Returns a random id, as a caller chooses it.
    pub fn random(rng: &mut impl RngExt) -> Self {
        Self(std::array::from_fn(|_| Self::ALPHABET[rng.random_range(0..Self::ALPHABET.len())]))
    }

    /// Returns a random anonymous id.
    pub fn anonymous(rng: &mut impl RngExt) -> Self {
        let mut id = Self::random(rng);
        id.0[0] = Self::ANONYMOUS_MARK;
        id
    }

    /// Whether the counter chose this id for a caller of the article's protocol.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.0[0] == Self::ANONYMOUS_MARK
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // All constructors check that it is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Parses an id from the table, which may be anonymous.
    ///
    /// # Errors
    /// [`InvalidName::Lease`].
    pub fn from_stored(id: &str) -> Result<Self, InvalidName> {
        match id.as_bytes() {
            [Self::ANONYMOUS_MARK, rest @ ..] => {
                let mut stored: Self =
                    format!("A{}", std::str::from_utf8(rest).unwrap_or_default()).parse()?;
                stored.0[0] = Self::ANONYMOUS_MARK;
                Ok(stored)
            }
            _ => id.parse(),
        }
    }
}

impl FromStr for LeaseId {
    type Err = InvalidName;

    /// Parses a caller's id, which must not be anonymous.
    fn from_str(id: &str) -> Result<Self, InvalidName> {
        let bytes: [u8; Self::LENGTH] = id.as_bytes().try_into().map_err(|_| InvalidName::Lease)?;
        let clean = bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b));
        if clean { Ok(Self(bytes)) } else { Err(InvalidName::Lease) }
    }
}

impl TryFrom<String> for LeaseId {
    type Error = InvalidName;

    fn try_from(id: String) -> Result<Self, InvalidName> {
        id.parse()
    }
}

impl From<LeaseId> for String {
    fn from(id: LeaseId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseId({self})")
    }
}

/// The class of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Every caller by default. May take slots up to the pool's standard limit.
    #[default]
    Standard,
    /// Rotation and repair. May take all slots, including those kept for this class.
    Priority,
}

impl FromStr for Class {
    type Err = InvalidName;

    fn from_str(class: &str) -> Result<Self, InvalidName> {
        match class {
            "standard" => Ok(Self::Standard),
            "priority" => Ok(Self::Priority),
            _ => Err(InvalidName::Class),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn random_ids_are_the_callers_and_anonymous_ones_are_not() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..100 {
            let own = LeaseId::random(&mut rng);
            assert!(!own.is_anonymous());
            assert_eq!(own.as_str().parse(), Ok(own));
            assert_eq!(LeaseId::from_stored(own.as_str()), Ok(own));

            let anonymous = LeaseId::anonymous(&mut rng);
            assert!(anonymous.is_anonymous());
            assert_eq!(anonymous.as_str().parse::<LeaseId>(), Err(InvalidName::Lease));
            assert_eq!(LeaseId::from_stored(anonymous.as_str()), Ok(anonymous));
        }
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        for id in ["", "short", "ninechars", "Zk3v 9Qa", "Zk3v9Qaé", "~k3v9Qa1", "Zk3v9Qa#"] {
            assert_eq!(id.parse::<LeaseId>(), Err(InvalidName::Lease), "{id}");
        }
        for id in ["~", "~short", "~k3v9Q~1", "~k3v9é1"] {
            assert_eq!(LeaseId::from_stored(id), Err(InvalidName::Lease), "{id}");
        }
        for name in ["", "a b", "Prod#0", "é", &"x".repeat(65)] {
            assert_eq!(name.parse::<PoolName>(), Err(InvalidName::Pool), "{name}");
        }
        assert!("Prod_MySQL".parse::<PoolName>().is_ok());
        assert_eq!("Standard".parse::<Class>(), Err(InvalidName::Class));
    }
}
