//! `local up`, `local down`, `local run -- COMMAND`, `local status`.

use std::process::ExitCode;

fn main() -> ExitCode {
    local::main()
}
