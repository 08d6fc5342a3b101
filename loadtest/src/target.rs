//! The service to flood, and what to watch.

use std::{path::PathBuf, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use mysql_async::{Opts, OptsBuilder, UrlError};
use rds_admission::{
    pool::{InvalidName, PoolName},
    secret::{InvalidHost, parse_host},
    session::Tls,
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    args::Args,
    stack::{Stack, StackError},
};

/// How long the host may take to answer before the flood.
const REACH_LIMIT: Duration = Duration::from_secs(10);

pub(crate) struct Target {
    /// `<host>/employees`.
    pub(crate) url: Url,
    pub(crate) database: Option<Opts>,
    pub(crate) pool: Option<PoolTable>,
    pub(crate) query_function: Option<String>,
    pub(crate) stack: Option<Stack>,
}

pub(crate) struct PoolTable {
    pub(crate) table: String,
    pub(crate) name: PoolName,
}

/// An invalid or unreachable target.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("the host {host:?} is not a URL")]
    Host { host: String, source: <Url as std::str::FromStr>::Err },
    #[error("the host {0:?} must start with http:// or https://")]
    Scheme(String),
    /// Reports would repeat them.
    #[error("the host must not hold a user or a password")]
    Credentials,
    /// Without the address, which holds a password.
    #[error("the database's address must be mysql://user:password@host:port/database")]
    Database(#[source] UrlError),
    #[error("the host in the database's address can't be used")]
    DatabaseHost(#[source] InvalidHost),
    #[error("the database's address must end with the name of the service's database")]
    DatabaseName,
    #[error("the stack's file {path:?} is unusable")]
    Stack { path: PathBuf, source: StackError },
    #[error("the stack's file {path:?} has an invalid pool name")]
    PoolName { path: PathBuf, source: InvalidName },
    #[error("neither a host nor a stack was given")]
    Nothing,
    #[error("{url} does not answer")]
    Unreachable { url: Url, source: reqwest::Error },
}

impl Target {
    /// Options take precedence over the stack's file.
    pub(crate) fn of(args: &Args) -> Result<Self, TargetError> {
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

    /// Sends one `HEAD`, which acquires no slot. Any status is accepted: this only prevents that a wrong host is reported
    /// as thousands of broken answers.
    pub(crate) async fn reach(&self) -> Result<(), TargetError> {
        let unreachable = |source: reqwest::Error| TargetError::Unreachable {
            url: self.url.clone(),
            source: source.without_url(),
        };
        let client =
            reqwest::Client::builder().timeout(REACH_LIMIT).build().map_err(unreachable)?;
        client.head(self.url.clone()).send().await.map_err(unreachable)?;
        Ok(())
    }
}

/// The configuration of the AWS clients: for the stack, or from the environment and the shared configuration files.
pub(crate) async fn aws_config(stack: Option<&Stack>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(stack) = stack {
        // The local stack checks no signatures, but needs them.
        loader = loader
            .endpoint_url(&stack.aws_endpoint)
            .region(Region::new(stack.region.clone()))
            .test_credentials();
    }
    loader.load().await
}

/// The URL of the resource below a base URL. `Url::join` would drop the last segment of a base without a slash at its end,
/// such as an API's stage.
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

/// Parses a `mysql://` address for the driver.
fn database(address: &SecretString, tls: &Tls) -> Result<Opts, TargetError> {
    let opts = Opts::from_url(address.expose_secret()).map_err(TargetError::Database)?;
    if opts.db_name().is_none_or(str::is_empty) {
        return Err(TargetError::DatabaseName);
    }
    let host = parse_host(opts.ip_or_hostname()).map_err(TargetError::DatabaseHost)?;
    // The driver would look up an IPv6 address with its brackets.
    let opts = OptsBuilder::from_opts(opts).ip_or_hostname(host);
    Ok(match tls.ssl_opts() {
        Some(tls) => opts.ssl_opts(tls).into(),
        // Keeps TLS of an address with `require_ssl`.
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
