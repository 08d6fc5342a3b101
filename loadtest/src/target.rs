//! What is flooded and what is watched.

use std::{path::PathBuf, time::Duration};

use mysql_async::{Opts, OptsBuilder, UrlError};
use rds_admission::{
    pool::{InvalidName, PoolName},
    secret::{InvalidHost, parse_host},
    session::Tls,
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Args,
    stack::{Stack, StackError},
};

/// How long the host may take to answer at all before the flood.
const REACH: Duration = Duration::from_secs(10);

/// The resource to flood, and what to watch meanwhile.
pub struct Target {
    /// `<host>/employees`.
    pub url: Url,
    /// The database's address, when it was given.
    pub database: Option<Opts>,
    /// The pool, when its table was given.
    pub pool: Option<PoolTable>,
    /// The query function's name, when it was given.
    pub query_function: Option<String>,
    /// The local stack, when there is one.
    pub stack: Option<Stack>,
}

/// A pool and the table that it lies in.
pub struct PoolTable {
    /// The table's name.
    pub table: String,
    /// The pool's name.
    pub name: PoolName,
}

/// Why there is nothing to flood.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The host is not a URL.
    #[error("the host {host:?} is not a URL")]
    Host {
        /// As it was given.
        host: String,
        /// What is wrong with it.
        source: <Url as std::str::FromStr>::Err,
    },
    /// The host is a URL of something else.
    #[error("the host {0:?} must start with http:// or https://")]
    Scheme(String),
    /// The host's URL holds a user or a password, which reports would repeat.
    #[error("the host must not hold a user or a password")]
    Credentials,
    /// The database's address cannot be used. The address is not repeated: it holds a password.
    #[error("the database's address must be mysql://user:password@host:port/database")]
    Database(#[source] UrlError),
    /// The database's address names no server that could be.
    #[error("the host in the database's address can't be used")]
    DatabaseHost(#[source] InvalidHost),
    /// The database's address names no database.
    #[error("the database's address must end with the name of the service's database")]
    DatabaseName,
    /// The stack's file cannot be used.
    #[error("the stack's file {path:?} is of no use")]
    Stack {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: StackError,
    },
    /// The stack's file names a pool that can't be one.
    #[error("the stack's file {path:?} names a pool of no use")]
    PoolName {
        /// The file.
        path: PathBuf,
        /// What is wrong with the name.
        source: InvalidName,
    },
    /// There is neither a host nor a stack.
    #[error("neither a host nor a stack was given")]
    Nothing,
    /// The host does not answer.
    #[error("{url} does not answer")]
    Unreachable {
        /// What was asked.
        url: Url,
        /// Why there was no answer.
        source: reqwest::Error,
    },
}

impl Target {
    /// Finds everything in the arguments: options go before the stack's file.
    ///
    /// # Errors
    /// [`TargetError`] when an address is malformed or the stack's file is of no use.
    pub fn of(args: &Args) -> Result<Self, TargetError> {
        let stack = match &args.stack {
            Some(path) => Some(
                Stack::read(path)
                    .map_err(|source| TargetError::Stack { path: path.clone(), source })?,
            ),
            None => None,
        };
        let host = args
            .host
            .as_deref()
            .or_else(|| stack.as_ref().map(|stack| stack.api_url.as_str()))
            .ok_or(TargetError::Nothing)?;
        let database = match (&args.database, &stack) {
            (Some(address), _) => Some(database(address, &args.database_tls)?),
            (None, Some(stack)) => Some(stack.mysql.opts()),
            (None, None) => None,
        };
        let pool = match (&args.table, &args.stack, &stack) {
            (Some(table), _, _) => {
                Some(PoolTable { table: table.clone(), name: args.pool.clone() })
            }
            (None, Some(path), Some(stack)) => {
                let name = stack
                    .pool
                    .parse()
                    .map_err(|source| TargetError::PoolName { path: path.clone(), source })?;
                Some(PoolTable { table: stack.table.clone(), name })
            }
            _ => None,
        };
        let function = stack.as_ref().map(|stack| stack.query_function.clone());
        let query_function = args.query_function.clone().or(function);
        Ok(Self { url: employees(host)?, database, pool, query_function, stack })
    }

    /// Asks the host once, with `HEAD` so that no slot is taken. Any status will do: this only
    /// keeps a mistyped host from being reported as thousands of broken answers.
    ///
    /// # Errors
    /// [`TargetError::Unreachable`] when there is no HTTP answer within ten seconds.
    pub async fn reach(&self) -> Result<(), TargetError> {
        let unreachable = |source: reqwest::Error| TargetError::Unreachable {
            url: self.url.clone(),
            source: source.without_url(),
        };
        let client = reqwest::Client::builder().timeout(REACH).build().map_err(unreachable)?;
        client.head(self.url.clone()).send().await.map_err(unreachable)?;
        Ok(())
    }
}

/// The URL of the resource below a base URL. `Url::join` would drop the base's last segment
/// when it has no slash at its end, as an API's stage has not.
fn employees(host: &str) -> Result<Url, TargetError> {
    let mut url =
        Url::parse(host).map_err(|source| TargetError::Host { host: host.to_owned(), source })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(TargetError::Scheme(host.to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Credentials);
    }
    url.set_path(&format!("{}/employees", url.path().trim_end_matches('/')));
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// The driver's view of a `mysql://` address.
fn database(address: &SecretString, tls: &Tls) -> Result<Opts, TargetError> {
    let opts = Opts::from_url(address.expose_secret()).map_err(TargetError::Database)?;
    if opts.db_name().is_none_or(str::is_empty) {
        return Err(TargetError::DatabaseName);
    }
    let host = parse_host(opts.ip_or_hostname()).map_err(TargetError::DatabaseHost)?;
    // The driver would look an IPv6 address up with a URL's brackets around it.
    let opts = OptsBuilder::from_opts(opts).ip_or_hostname(host);
    Ok(match tls.ssl_opts() {
        Some(tls) => opts.ssl_opts(tls).into(),
        // An address that asks for TLS by itself still has it.
        None => opts.into(),
    })
}

#[cfg(test)]
mod tests {
    use rds_admission::telemetry::chain;

    use super::*;

    #[test]
    fn the_base_path_is_kept() {
        for (host, url) in [
            ("http://127.0.0.1:1234", "http://127.0.0.1:1234/employees"),
            ("http://127.0.0.1:1234/", "http://127.0.0.1:1234/employees"),
            ("https://a.example/Prod", "https://a.example/Prod/employees"),
            ("https://a.example/some/base/path/", "https://a.example/some/base/path/employees"),
            ("https://a.example/x?y=1#z", "https://a.example/x/employees"),
        ] {
            assert_eq!(employees(host).unwrap().as_str(), url);
        }
    }

    #[test]
    fn other_hosts_are_refused() {
        assert!(matches!(employees("not a url"), Err(TargetError::Host { .. })));
        assert!(matches!(employees("localhost:80"), Err(TargetError::Scheme(_))));
        assert!(matches!(employees("http://a:b@c"), Err(TargetError::Credentials)));
    }

    #[test]
    fn a_database_needs_a_name_and_is_not_repeated() {
        assert!(database(&"mysql://u:pw@127.0.0.1:3306/demodb2".into(), &Tls::Off).is_ok());
        for address in
            ["mysql://u:secretpw@127.0.0.1:3306", "postgres://u:secretpw@h/db", "secretpw"]
        {
            let error = database(&address.into(), &Tls::Off).unwrap_err();
            assert!(!chain(&error).contains("secretpw"), "{error}");
        }
    }

    #[test]
    fn a_database_may_be_at_an_ipv6_address() {
        let opts = database(&"mysql://u:pw@[::1]:3307/demodb2".into(), &Tls::Off).unwrap();
        assert_eq!((opts.ip_or_hostname(), opts.tcp_port()), ("::1", 3307));
        assert_eq!((opts.user(), opts.pass()), (Some("u"), Some("pw")));
    }

    #[test]
    fn a_database_is_spoken_to_in_the_clear_only_when_nothing_asks_for_more() {
        let address = "mysql://u:pw@127.0.0.1:3306/demodb2";
        let by_itself = format!("{address}?require_ssl=true");
        for (address, tls, is_encrypted) in [
            (address, Tls::Rds, true),
            (address, Tls::Off, false),
            (&by_itself, Tls::Rds, true),
            (&by_itself, Tls::Off, true),
        ] {
            let opts = database(&address.into(), &tls).unwrap();
            assert_eq!(opts.ssl_opts().is_some(), is_encrypted, "{address} {tls:?}");
            // Where RDS's roots are trusted, no others are.
            let by_others = opts.ssl_opts().is_some_and(|tls| !tls.disable_built_in_roots());
            assert_eq!(by_others, is_encrypted && tls == Tls::Off, "{address} {tls:?}");
        }
    }
}
