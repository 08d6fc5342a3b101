//! Encryption on the way to the database.

use std::path::PathBuf;
use std::str::FromStr;

use mysql_async::SslOpts;
use thiserror::Error;

/// The roots that sign the certificates of RDS instances; of which regions, `shared/certs/README.md` says
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html>).
const RDS_ROOTS: &[u8] = include_bytes!("../../certs/rds-global-bundle.pem");

/// Whether to encrypt, and whose certificates to trust.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tls {
    /// Encrypt; the server's certificate must be RDS's, for the name that was connected to.
    #[default]
    Rds,
    /// Encrypt; the server's certificate must be signed by one of the roots in this PEM file.
    Roots(PathBuf),
    /// Do not encrypt. For a database on this machine.
    Off,
}

/// A text that is no [`Tls`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be \"rds\", \"off\" or the absolute path of a PEM file")]
pub struct InvalidTls;

impl FromStr for Tls {
    type Err = InvalidTls;

    fn from_str(text: &str) -> Result<Self, InvalidTls> {
        match text {
            "rds" => Ok(Self::Rds),
            "off" => Ok(Self::Off),
            path if path.starts_with('/') => Ok(Self::Roots(path.into())),
            _ => Err(InvalidTls),
        }
    }
}

impl Tls {
    /// The same as the driver takes it; `None` is without encryption.
    #[must_use]
    pub fn ssl_opts(&self) -> Option<SslOpts> {
        let roots = match self {
            Self::Off => return None,
            Self::Rds => RDS_ROOTS.to_vec().into(),
            Self::Roots(file) => file.clone().into(),
        };
        Some(SslOpts::default().with_root_certs(vec![roots]).with_disable_built_in_roots(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_not_taken_for_off() {
        assert_eq!("rds".parse(), Ok(Tls::Rds));
        assert_eq!("off".parse(), Ok(Tls::Off));
        assert_eq!("/etc/ca.pem".parse(), Ok(Tls::Roots("/etc/ca.pem".into())));
        for text in ["", "Off", "required", "ca.pem"] {
            assert_eq!(text.parse::<Tls>(), Err(InvalidTls));
        }
        assert_eq!(Tls::default(), Tls::Rds);
    }
}
