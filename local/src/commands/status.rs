//! `local status`: exit code 0 when the stack is up, 1 when not.

use std::process::ExitCode;

use anyhow::Result;
use local::stack::{Holder, Lock};
use local::{StackInfo, StackOptions};

use super::summary;
use crate::args::Place;

pub(crate) fn status(place: &Place) -> Result<ExitCode> {
    let dir = place.dir()?;
    let Holder::Process(pid) = Lock::holder(&dir)? else {
        println!("No stack is up in {}.", dir.display());
        return Ok(ExitCode::FAILURE);
    };
    let json = StackOptions::stack_json(&dir);
    if !json.exists() {
        println!("A stack is coming up or going down in {} (pid {pid}).", dir.display());
        return Ok(ExitCode::FAILURE);
    }
    println!("{}", summary(&StackInfo::load(&json)?, &json));
    Ok(ExitCode::SUCCESS)
}
