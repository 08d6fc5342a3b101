//! The documented schema of the report.

use crate::support::loadtest;

#[tokio::test]
async fn the_documented_schema_is_the_one_of_the_code() {
    let output = loadtest(&["schema"]).await;
    let documented = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/report.schema.json");
    assert!(
        output.stdout == std::fs::read(documented).unwrap(),
        "docs/report.schema.json differs from the output of `loadtest schema`: regenerate it"
    );
}
