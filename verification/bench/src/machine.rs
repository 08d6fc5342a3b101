//! What the numbers were measured on.

use sysinfo::System;

/// This machine and this build, in a sentence that fits under a table.
#[must_use]
pub fn describe() -> String {
    let mut system = System::new();
    system.refresh_cpu_all();
    let cores = system.cpus().len();
    let model = system.cpus().first().map_or("", |cpu| cpu.brand().trim());
    let model = if model.is_empty() { System::cpu_arch() } else { model.to_owned() };
    let build = if cfg!(debug_assertions) { "debug build" } else { "release build" };
    format!("{cores} cores of {model}, {build}")
}
