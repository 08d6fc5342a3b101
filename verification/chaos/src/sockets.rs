//! The kernel's list of connections and their owners, from `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// The kernel's number for an established connection in `/proc/net/tcp`
/// (`include/net/tcp_states.h`).
const ESTABLISHED: &str = "01";

/// The same for a connection that only the other side has closed.
const CLOSE_WAIT: &str = "08";

/// Established connections to `port` of this machine: the client's socket inode and port.
pub(crate) fn connections_to(port: u16) -> BTreeMap<u64, u16> {
    fs::read_to_string("/proc/net/tcp")
        .map_or_else(|_| BTreeMap::new(), |table| parse(&table, port))
}

/// Connections that the server at `port` of this machine has not closed, including those before login: the
/// client's port and the connection's state.
pub(crate) fn connections_at(port: u16) -> BTreeMap<u16, String> {
    fs::read_to_string("/proc/net/tcp").map_or_else(|_| BTreeMap::new(), |table| open(&table, port))
}

fn open(table: &str, port: u16) -> BTreeMap<u16, String> {
    let row = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let (local, remote, state) = (columns.next()?, columns.next()?, columns.next()?);
        let is_open = port_of(local)? == port && [ESTABLISHED, CLOSE_WAIT].contains(&state);
        is_open.then_some((port_of(remote)?, state.to_owned()))
    };
    table.lines().skip(1).filter_map(row).collect()
}

fn port_of(address: &str) -> Option<u16> {
    u16::from_str_radix(address.rsplit(':').next()?, 16).ok()
}

/// The columns: number, local address, remote address, state, …, inode.
fn parse(table: &str, port: u16) -> BTreeMap<u64, u16> {
    let row = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let (local, remote, state) = (columns.next()?, columns.next()?, columns.next()?);
        let inode = columns.nth(5)?.parse().ok()?;
        (state == ESTABLISHED && port_of(remote)? == port).then_some((inode, port_of(local)?))
    };
    table.lines().skip(1).filter_map(row).filter(|(inode, _)| *inode != 0).collect()
}

/// The ports of the process's sockets among `connections`.
pub(crate) fn ports_of(pid: u32, connections: &BTreeMap<u64, u16>) -> Vec<u16> {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let inode = |file: std::io::Result<fs::DirEntry>| {
        let link = fs::read_link(file.ok()?.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok()
    };
    files.filter_map(inode).filter_map(|inode| connections.get(&inode).copied()).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::{connections_at, connections_to, open, parse, ports_of};

    #[test]
    fn reads_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:C350 0100007F:0CEA 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 20 4 30 10 -1
   2: 0100007F:C351 0100007F:0CEA 08 00000000:00000000 00:00000000 00000000     0        0 333 1 0 20 4 30 10 -1
   3: 0100007F:0CEA 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 444 1 0 20 4 30 10 -1
";
        assert_eq!(open(table, 3306).into_keys().collect::<Vec<_>>(), [50_000]);
        assert_eq!(parse(table, 3306).into_iter().collect::<Vec<_>>(), [(222, 50_000)]);
    }

    #[test]
    fn finds_a_process_behind_a_connection() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let own = client.local_addr().unwrap().port();
        assert_eq!(connections_at(port).into_keys().collect::<Vec<_>>(), [own]);
        let mine = || ports_of(std::process::id(), &connections_to(port));
        assert_eq!(mine(), [own]);
        drop(client);
        assert_eq!(mine(), [0_u16; 0]);
    }
}
