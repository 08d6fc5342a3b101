//! The machine: its description, and processor time per process.

use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Describes this machine and this build in one line, for below a table.
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

/// Processor time of this process and of the database's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Of this process.
    pub client: Duration,
    /// Of the database's process.
    pub server: Duration,
}

impl Cpu {
    /// The time used since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            client: self.client.saturating_sub(earlier.client),
            server: self.server.saturating_sub(earlier.server),
        }
    }

    /// Of both processes.
    #[must_use]
    pub fn sum(self) -> Duration {
        self.client + self.server
    }
}

/// Reads the processor time of the two processes, in steps of 10 ms.
#[derive(Debug)]
pub struct CpuClocks {
    system: System,
    client: Pid,
    server: Pid,
}

impl CpuClocks {
    /// Of this process and of `server`.
    #[must_use]
    pub fn new(server: u32) -> Self {
        let client = Pid::from_u32(std::process::id());
        Self { system: System::new(), client, server: Pid::from_u32(server) }
    }

    /// The time used so far.
    pub fn read(&mut self) -> Cpu {
        self.system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[self.client, self.server]),
            false,
            ProcessRefreshKind::nothing().with_cpu(),
        );
        let of = |pid| {
            let process = self.system.process(pid);
            Duration::from_millis(process.map_or(0, sysinfo::Process::accumulated_cpu_time))
        };
        Cpu { client: of(self.client), server: of(self.server) }
    }
}
