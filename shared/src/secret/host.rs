//! A database server's name or address.

use std::net::Ipv6Addr;

use thiserror::Error;

/// A text that is no server's name or address, and never will be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidHost {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// It is a URL.
    #[error("it begins with {0}://, but must be a name or an address alone")]
    Scheme(String),
    /// It names a port.
    #[error("it ends with the port {0}, which has a field of its own")]
    Port(u16),
    /// It holds what no name does. What that is part of may be secret, and is not repeated.
    #[error("it holds {0:?}, which no name or address does")]
    Character(char),
    /// It has brackets that hold no IPv6 address.
    #[error("it has brackets around what is no IPv6 address")]
    Brackets,
}

/// Reads a server's name or address, and returns it as the resolver takes it: an IPv6 address without the
/// brackets that a URL has around it.
///
/// # Errors
/// [`InvalidHost`] for what can't be one, such as a name with a port. Whether there is such a server is not
/// asked.
pub fn parse_host(text: &str) -> Result<String, InvalidHost> {
    // A scope may follow the address: fe80::1%eth0.
    let is_v6 = |text: &str| {
        text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
    };
    if text.is_empty() {
        return Err(InvalidHost::Empty);
    }
    if is_v6(text) {
        return Ok(text.to_owned());
    }
    if let Some((scheme, _)) = text.split_once("://") {
        let is_known = scheme.chars().all(|c| c.is_ascii_alphanumeric());
        return Err(if is_known { InvalidHost::Scheme(scheme.to_owned()) } else { other('/') });
    }
    // More colons are of an address that is none, unless it has its brackets.
    if let Some((host, port)) = text.rsplit_once(':')
        && (host.ends_with(']') || !host.contains(':'))
        && let Ok(port) = port.parse()
    {
        return Err(InvalidHost::Port(port));
    }
    if text.starts_with('[') || text.ends_with(']') {
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        return inner
            .filter(|inner| is_v6(inner))
            .map(ToOwned::to_owned)
            .ok_or(InvalidHost::Brackets);
    }
    let is_of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    match text.chars().find(|c| !is_of_a_name(*c)) {
        Some(character) => Err(other(character)),
        None => Ok(text.to_owned()),
    }
}

fn other(character: char) -> InvalidHost {
    InvalidHost::Character(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts_and_brackets_are_the_urls() {
        for host in [
            "db",
            "localhost",
            "127.0.0.1",
            "x.abc.us-east-1.rds.amazonaws.com",
            "db.example.",
            "my_db",
            "::1",
            "2001:db8::1",
            "fe80::1%eth0",
        ] {
            assert_eq!(parse_host(host).as_deref(), Ok(host));
        }
        assert_eq!(parse_host("[::1]").as_deref(), Ok("::1"));
        assert_eq!(parse_host("[2001:db8::1]").as_deref(), Ok("2001:db8::1"));
    }

    #[test]
    fn what_can_never_be_reached_is_refused_by_what_is_wrong_with_it() {
        use InvalidHost::{Brackets, Character, Empty, Port, Scheme};
        for (text, wrong) in [
            ("", Empty),
            ("db.example:3306", Port(3306)),
            ("127.0.0.1:1", Port(1)),
            ("[::1]:3306", Port(3306)),
            ("mysql://db.example", Scheme("mysql".to_owned())),
            ("mysql://db.example:3306/x", Scheme("mysql".to_owned())),
            ("[db]", Brackets),
            ("[::1", Brackets),
            ("::1]", Brackets),
            ("db.example/demodb2", Character('/')),
            ("/var/run/mysqld.sock", Character('/')),
            ("db.example ", Character(' ')),
            ("d b", Character(' ')),
            ("db\n", Character('\n')),
            ("user@db", Character('@')),
            ("db:", Character(':')),
            ("db:port", Character(':')),
        ] {
            assert_eq!(parse_host(text), Err(wrong), "{text:?}");
        }
    }
}
