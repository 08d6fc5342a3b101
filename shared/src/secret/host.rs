//! A database server's name or address.

use std::net::Ipv6Addr;

use thiserror::Error;

/// A text that cannot be a server's name or address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidHost {
    /// Empty.
    #[error("it is empty")]
    Empty,
    /// A URL.
    #[error("it begins with {0}://, but must be a name or an address alone")]
    Scheme(String),
    /// Has a port.
    #[error("it ends with the port {0}, which has a field of its own")]
    Port(u16),
    /// Ends with a number that is out of a port's range. It may be something else, and is not shown.
    #[error("it ends with ':' and a number: no port, which would have a field of its own")]
    NoPort,
    /// An IPv6 address with an invalid zone.
    #[error("it is an IPv6 address with no network interface after its '%'")]
    Zone,
    /// A label is empty or too long, or the name is.
    #[error(
        "it is no name: the parts between dots have 1 to 63 characters, the whole at most 253, and the \
         first is no '-'"
    )]
    Parts,
    /// Has an invalid character. The rest may be secret, and is not shown.
    #[error("it holds {0:?}, which no name or address does")]
    Character(char),
    /// Has brackets without an IPv6 address in them.
    #[error("it has brackets around what is no IPv6 address")]
    Brackets,
}

/// Parses a server's name or address. Returns it as a resolver expects it: an IPv6 address without the brackets of
/// a URL.
///
/// # Errors
/// [`InvalidHost`] when it cannot be one, such as a name with a port. The name is not resolved.
pub fn parse_host(text: &str) -> Result<String, InvalidHost> {
    if text.is_empty() {
        return Err(InvalidHost::Empty);
    }
    if is_v6(text) {
        return Ok(text.to_owned());
    }
    if let Some((scheme, _)) = text.split_once("://") {
        let is_known = scheme.chars().all(|c| c.is_ascii_alphanumeric());
        let scheme = InvalidHost::Scheme(scheme.to_owned());
        return Err(if is_known { scheme } else { InvalidHost::Character('/') });
    }
    // Several colons make a malformed IPv6 address, unless it is in brackets or valid without the last part.
    if let Some((host, port)) = text.rsplit_once(':')
        && (host.ends_with(']') || !host.contains(':') || is_v6(host))
        && !port.is_empty()
        && port.bytes().all(|digit| digit.is_ascii_digit())
    {
        return Err(port.parse().map_or(InvalidHost::NoPort, InvalidHost::Port));
    }
    if text.starts_with('[') || text.ends_with(']') {
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let inner = inner.ok_or(InvalidHost::Brackets)?;
        return match is_v6(inner) {
            true => Ok(inner.to_owned()),
            false if is_v6_address(inner) => Err(InvalidHost::Zone),
            false => Err(InvalidHost::Brackets),
        };
    }
    if is_v6_address(text) {
        return Err(InvalidHost::Zone);
    }
    let is_of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    match text.chars().find(|c| !is_of_a_name(*c)) {
        Some(character) => Err(InvalidHost::Character(character)),
        None if !has_parts_of_a_name(text) => Err(InvalidHost::Parts),
        None => Ok(text.to_owned()),
    }
}

/// An IPv6 address, with or without a zone (`fe80::1%eth0`).
fn is_v6(text: &str) -> bool {
    let is_of_an_interface = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let has_zone = |zone: &str| !zone.is_empty() && zone.chars().all(is_of_an_interface);
    is_v6_address(text) && text.split_once('%').is_none_or(|(_, zone)| has_zone(zone))
}

/// An IPv6 address with any zone, even an invalid one.
fn is_v6_address(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

/// Returns whether the labels have valid lengths (RFC 1035, section 2.3.4). A final dot is the root's. Resolvers
/// reject a name that begins with a hyphen.
fn has_parts_of_a_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = |part: &str| (1..=63).contains(&part.chars().count());
    name.split('.').all(fits) && name.chars().count() <= 253 && !name.starts_with('-')
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
            "fe80::1%br-0a.100_x",
            "a-b.c-",
        ] {
            assert_eq!(parse_host(host).as_deref(), Ok(host));
        }
        assert_eq!(parse_host("[::1]").as_deref(), Ok("::1"));
        assert_eq!(parse_host("[2001:db8::1]").as_deref(), Ok("2001:db8::1"));
    }

    #[test]
    fn what_can_never_be_reached_is_refused_by_what_is_wrong_with_it() {
        use InvalidHost::{Brackets, Character, Empty, NoPort, Parts, Port, Scheme, Zone};
        let (longest, long) = ("a".repeat(63), "a".repeat(64));
        let whole = [longest.as_str(); 4].join(".");
        assert_eq!(parse_host(&longest).as_deref(), Ok(longest.as_str()));
        for long in [long.as_str(), &format!("db.{long}.example"), &whole] {
            assert_eq!(parse_host(long), Err(Parts), "{long}");
        }
        for (text, wrong) in [
            ("", Empty),
            ("db.example:3306", Port(3306)),
            ("127.0.0.1:1", Port(1)),
            ("[::1]:3306", Port(3306)),
            ("mysql://db.example", Scheme("mysql".to_owned())),
            ("mysql://db.example:3306/x", Scheme("mysql".to_owned())),
            ("[::1]:65536", NoPort),
            ("db:65536", NoPort),
            ("db:99999999999999999999", NoPort),
            ("fe80::1%eth0:3306", Port(3306)),
            ("[fe80::1%eth0]:3306", Port(3306)),
            ("::1%", Zone),
            ("::1%/x y", Zone),
            ("fe80::1%eth0%1", Zone),
            ("[::1%]", Zone),
            (".", Parts),
            ("..", Parts),
            (".db", Parts),
            ("db..example", Parts),
            ("db..", Parts),
            ("-", Parts),
            ("-db.example", Parts),
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
