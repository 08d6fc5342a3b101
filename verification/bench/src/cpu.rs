//! The processor time of the two processes: what others do on the machine is not in it.

use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Processor time of the process that asks and of the one that serves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Of the one that asks.
    pub client: Duration,
    /// Of the one that serves.
    pub server: Duration,
}

impl Cpu {
    /// What was used since it was `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            client: self.client.saturating_sub(earlier.client),
            server: self.server.saturating_sub(earlier.server),
        }
    }

    /// Both together.
    #[must_use]
    pub fn sum(self) -> Duration {
        self.client + self.server
    }
}

/// Reads the two processes' clocks, which tick every 10 ms.
#[derive(Debug)]
pub struct Clocks {
    system: System,
    client: Pid,
    server: Pid,
}

impl Clocks {
    /// Those of this process and of `server`.
    #[must_use]
    pub fn new(server: u32) -> Self {
        let client = Pid::from_u32(std::process::id());
        Self { system: System::new(), client, server: Pid::from_u32(server) }
    }

    /// What they show.
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
