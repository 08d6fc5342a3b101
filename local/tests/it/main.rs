//! The parts at work: real processes, real sockets, a real MariaDB.

mod cli;
mod fake_lambda;
mod faults;
mod front;
mod host;
mod mariadb;
