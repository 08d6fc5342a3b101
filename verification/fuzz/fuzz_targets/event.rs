//! Fuzzes the query's event.
#![no_main]

#[path = "../../../query/tests/input/property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|event: &[u8]| {
    property::holds(event);
});
