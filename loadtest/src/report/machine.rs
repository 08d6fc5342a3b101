//! The machine that the load came from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// What a machine is, as far as it bears on the numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Operating system and its version.
    pub system: String,
    /// The kernel's version.
    pub kernel: String,
    /// The processor's name, or its architecture where the name is not to be had.
    pub processor: String,
    /// Logical processors.
    pub processors: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl Machine {
    /// The machine that this runs on.
    #[must_use]
    pub fn this() -> Self {
        let system = System::new_with_specifics(
            RefreshKind::nothing()
                .with_cpu(CpuRefreshKind::nothing())
                .with_memory(MemoryRefreshKind::nothing().with_ram()),
        );
        let named = |name: Option<String>| name.unwrap_or_else(|| "unknown".to_owned());
        let brand = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        Self {
            system: named(System::long_os_version()),
            kernel: named(System::kernel_version()),
            processor: brand.filter(|brand| !brand.is_empty()).unwrap_or_else(System::cpu_arch),
            processors: u32::try_from(system.cpus().len()).unwrap_or(u32::MAX),
            memory_bytes: system.total_memory(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_processors_and_memory() {
        let machine = Machine::this();
        assert!(machine.processors > 0 && machine.memory_bytes > 0, "{machine:?}");
        assert!(!machine.system.is_empty() && !machine.processor.is_empty(), "{machine:?}");
    }
}
