//! Fuzzes the counter's payload.
#![no_main]

#[path = "../../../counter/tests/input/property.rs"]
mod property;
#[path = "../../../counter/tests/input/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    property::holds(payload);
});
