//! Encryption of the connection to the database.

use std::path::PathBuf;
use std::str::FromStr;
use std::{fs, io};

use mysql_async::SslOpts;
use thiserror::Error;

/// The roots of RDS's certificates. `shared/certs/README.md` lists the regions
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html>).
const RDS_ROOTS: &[u8] = include_bytes!("../../certs/rds-global-bundle.pem");

/// Encryption, and the certificates to trust.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tls {
    /// Encrypted; the certificate must be signed by RDS, for the server's name.
    #[default]
    Rds,
    /// Encrypted; the certificate must be signed by a root in this PEM file.
    Roots(PathBuf),
    /// Not encrypted. For a database on this machine.
    Off,
}

/// An invalid [`Tls`] setting.
#[derive(Debug, Error)]
pub enum InvalidTls {
    /// Unknown word.
    #[error("must be \"rds\", \"off\" or the absolute path of a PEM file")]
    Unknown,
    /// The file cannot be read.
    #[error("the PEM file can't be read: {source}")]
    Unread {
        /// Why.
        source: io::Error,
    },
    /// The file has no certificate.
    #[error("the PEM file holds no certificate")]
    NoCertificate,
}

/// First line of each certificate in a PEM file (RFC 7468, section 5.1).
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

impl FromStr for Tls {
    type Err = InvalidTls;

    /// Parses a setting. A PEM file is read, because a missing one would fail every connection.
    fn from_str(text: &str) -> Result<Self, InvalidTls> {
        match text {
            "rds" => Ok(Self::Rds),
            "off" => Ok(Self::Off),
            path if path.starts_with('/') => {
                let pem = fs::read(path).map_err(|source| InvalidTls::Unread { source })?;
                if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
                    return Err(InvalidTls::NoCertificate);
                }
                Ok(Self::Roots(path.into()))
            }
            _ => Err(InvalidTls::Unknown),
        }
    }
}

impl Tls {
    /// Returns the driver's options, `None` for an unencrypted connection.
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
    use crate::telemetry::chain;

    #[test]
    fn a_misspelt_setting_is_not_taken_for_off() {
        assert!(matches!("rds".parse(), Ok(Tls::Rds)));
        assert!(matches!("off".parse(), Ok(Tls::Off)));
        for text in ["", "Off", "required", "ca.pem"] {
            assert!(matches!(text.parse::<Tls>(), Err(InvalidTls::Unknown)), "{text:?}");
        }
        assert_eq!(Tls::default(), Tls::Rds);
    }

    #[test]
    fn a_file_without_a_certificate_is_refused_when_the_setting_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        let setting = file.to_str().expect("a path");
        let missing = setting.parse::<Tls>().expect_err("it is missing");
        assert!(matches!(missing, InvalidTls::Unread { .. }), "{missing:?}");
        assert_eq!(chain(&missing).matches("No such file").count(), 1, "{}", chain(&missing));
        let is_folder = folder.path().to_str().expect("a path").parse::<Tls>();
        assert!(matches!(is_folder, Err(InvalidTls::Unread { .. })), "{is_folder:?}");
        for none in [&b""[..], b"-----BEGIN PRIVATE KEY-----\n", &[0xff; 40]] {
            fs::write(&file, none).expect("written");
            let refused = setting.parse::<Tls>();
            assert!(matches!(refused, Err(InvalidTls::NoCertificate)), "{refused:?}");
        }
        fs::write(&file, RDS_ROOTS).expect("written");
        assert_eq!(setting.parse::<Tls>().expect("roots"), Tls::Roots(file));
    }
}
