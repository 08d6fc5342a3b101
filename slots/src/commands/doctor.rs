//! What is wrong between the pool and the server.

use rds_admission::session::Tls;
use secrecy::SecretString;

use crate::doctor::{Address, Report, Seen, Server, checks};
use crate::status::Status;
use crate::table::Table;
use crate::{Ending, Error, Voice};

/// Compares the pool with the server at `database`, and says what is wrong.
pub(super) async fn doctor(
    table: &Table,
    voice: Voice,
    database: &SecretString,
    reserved: u32,
    tls: &Tls,
) -> Result<Ending, Error> {
    let address = Address::parse(database)?;
    let (mut server, mut threads) = (None, Vec::new());
    let mut session = match address.connect(tls).await? {
        Some(mut session) => {
            server = Some(Server::ask(&mut session, &address).await?);
            threads = address.threads(&mut session).await?;
            Some(session)
        }
        None => None,
    };
    // Between two looks at the threads: a connection that is in both was open when the pool was read.
    let pool = table.examine().await?;
    if let Some(mut session) = session.take() {
        let later = address.threads(&mut session).await?;
        threads.retain(|thread| later.iter().any(|still| still.id == thread.id));
        session.close().await;
    }
    let now = table.now();
    let status = pool.as_ref().ok().map(|pool| Status::of(table.pool(), pool, now));
    let seen = Seen { pool, now, server, threads, database: address.database(), reserved };
    let report = Report::new(checks::all(&seen), status, &seen);
    voice.answer(&report, &report)?;
    Ok(if report.healthy { Ending::Good } else { Ending::Bad })
}
