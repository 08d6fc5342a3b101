//! The first packet that a driver sends to a server, changed so that a packet is one statement.

/// Where the packet holds the flag: behind its own header of 4 bytes, in the third of the 4 bytes of the client's
/// capabilities, least significant first
/// (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html>).
const AT: usize = 4 + 2;

/// `CLIENT_MULTI_STATEMENTS`, bit 16 of the capabilities.
const MULTI_STATEMENTS: u8 = 1;

/// Takes the capability to send several statements in one packet out of what a driver sends first: the limit of a
/// statement is each one's own, and several could outlive the lease together. The driver always asks for it.
///
/// With TLS the first packet is a short one that is not encrypted, and servers go by the capabilities in that: those
/// in the encrypted one that follows they don't read (`parse_client_handshake_packet`, of MySQL and of MariaDB).
#[derive(Debug, Default)]
pub(super) struct OneStatement {
    passed: usize,
}

impl OneStatement {
    /// Changes the next `piece` of what the driver sends.
    pub(super) fn pass(&mut self, piece: &mut [u8]) {
        let flags = AT.checked_sub(self.passed).and_then(|at| piece.get_mut(at));
        if let Some(flags) = flags {
            *flags &= !MULTI_STATEMENTS;
        }
        self.passed = self.passed.saturating_add(piece.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_is_cleared_however_the_bytes_come() {
        let sent: Vec<u8> = vec![0xFF; 40];
        let mut expected = sent.clone();
        expected[6] = 0xFE;
        for size in 1..=sent.len() {
            let mut first = OneStatement::default();
            let mut passed = sent.clone();
            passed.chunks_mut(size).for_each(|piece| first.pass(piece));
            assert_eq!(passed, expected, "in pieces of {size}");
        }
    }
}
