//! A server that answers every login with the same words.

use std::net::Ipv4Addr;

use rds_admission::secret::Credentials;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// `CLIENT_PROTOCOL_41`, `CLIENT_SECURE_CONNECTION`, `CLIENT_PLUGIN_AUTH`.
const CAPABILITIES: u32 = 0x0200 | 0x8000 | 0x0008_0000;

/// What the server says in place of a greeting that lets in.
#[derive(Clone)]
pub(crate) enum Word {
    /// An error in place of the greeting.
    Error(u16, &'static str),
    /// A greeting by this method, and after the client's answer these packets, each after another answer.
    Login(&'static str, Vec<Vec<u8>>),
}

/// Asks for another method of authentication.
pub(crate) fn switch_to(method: &str, challenge: &[u8]) -> Vec<u8> {
    [&[0xfe], method.as_bytes(), &[0], challenge].concat()
}

/// An account of a server that says `word`, until the runtime ends.
pub(crate) async fn account(word: Word) -> Credentials {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(answer(client, word.clone()));
        }
    });
    Credentials {
        username: "admin".to_owned(),
        password: "hunter2".to_owned().into(),
        host: Ipv4Addr::LOCALHOST.to_string(),
        port,
        database: None,
    }
}

async fn answer(mut client: TcpStream, word: Word) -> std::io::Result<()> {
    match word {
        Word::Error(code, text) => {
            let error = [&[0xff], &code.to_le_bytes()[..], text.as_bytes()].concat();
            say(&mut client, 0, &error).await?;
        }
        Word::Login(method, packets) => {
            say(&mut client, 0, &greeting(method)).await?;
            for packet in packets {
                let number = read_packet(&mut client).await?;
                say(&mut client, number.wrapping_add(1), &packet).await?;
            }
        }
    }
    // Whatever the client says now is the last of it.
    let _ = read_packet(&mut client).await;
    Ok(())
}

/// The first packet (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html>).
fn greeting(method: &str) -> Vec<u8> {
    let capabilities = CAPABILITIES.to_le_bytes();
    [
        &b"\x0a10.11.14-MariaDB\0"[..],
        &7_u32.to_le_bytes(),
        b"12345678\0",
        &capabilities[..2],
        &[45, 2, 0],
        &capabilities[2..],
        &[21],
        &[0; 10],
        b"123456789012\0",
        method.as_bytes(),
        &[0],
    ]
    .concat()
}

async fn say(client: &mut TcpStream, number: u8, packet: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(packet.len()).expect("a short packet").to_le_bytes();
    client.write_all(&[&length[..3], &[number], packet].concat()).await
}

/// Reads a packet, and returns its number.
async fn read_packet(client: &mut TcpStream) -> std::io::Result<u8> {
    let mut header = [0; 4];
    client.read_exact(&mut header).await?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
    client.read_exact(&mut vec![0; length]).await?;
    Ok(header[3])
}
