//! What a [`MariaDb`](super::MariaDb) is started with.

use std::num::NonZeroU32;
use std::path::PathBuf;

/// Options of a server. Start with [`new`](Self::new) and change what differs.
#[derive(Clone, Debug)]
pub struct MariaDbOptions {
    pub(super) dir: PathBuf,
    pub(super) max_connections: NonZeroU32,
    pub(super) database: String,
    pub(super) tls: Option<ServerTls>,
    pub(super) require_secure_transport: bool,
    pub(super) plugins: bool,
}

/// The server's certificate, as paths of PEM files.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// The certificate (chain) that the server shows.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl MariaDbOptions {
    /// `max_connections` as template.yaml pins it for a created database.
    pub const MAX_CONNECTIONS: NonZeroU32 = NonZeroU32::new(66).unwrap();

    /// Everything lies below `dir`, which is created, and must not hold a server's data yet.
    /// Defaults: [`MAX_CONNECTIONS`](Self::MAX_CONNECTIONS), database `demodb2`, no TLS.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            max_connections: Self::MAX_CONNECTIONS,
            database: "demodb2".to_owned(),
            tls: None,
            require_secure_transport: false,
            plugins: false,
        }
    }

    /// How many connections the server accepts. One more than that is kept by the server for
    /// accounts with `CONNECTION ADMIN`, which the admin account has not.
    #[must_use]
    pub fn max_connections(mut self, connections: NonZeroU32) -> Self {
        self.max_connections = connections;
        self
    }

    /// Offers TLS with this certificate.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Has plugins that are no part of the server's program, to be installed by `INSTALL SONAME`.
    #[must_use]
    pub fn plugins(mut self) -> Self {
        self.plugins = true;
        self
    }

    /// Refuses connections over TCP without TLS.
    #[must_use]
    pub fn require_secure_transport(mut self) -> Self {
        self.require_secure_transport = true;
        self
    }
}
