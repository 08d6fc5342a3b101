//! Free loopback ports for programs that can't pick one themselves.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

/// A port that was free a moment ago. Another program may take it before the one that it is
/// meant for does, so whoever uses it tries again with another one on a clash.
///
/// # Errors
/// When the loopback interface has no free port.
pub(crate) fn free() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    let address = listener.local_addr().context("asking for the port just bound")?;
    Ok(address.port())
}
