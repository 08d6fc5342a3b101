//! The parts at work: real processes, real sockets, a real MariaDB.

mod cli;
mod fake_lambda;
mod front;
mod host;
mod mariadb;
