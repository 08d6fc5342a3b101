//! The query function that was flooded.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The query function as it was found, before the test switched anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Its name.
    pub query_function: String,
    /// The SHA-256 of its code in base64, as Lambda tells it.
    pub code_sha256: Option<String>,
    /// When its code or its configuration was last changed, as Lambda tells it.
    pub last_modified: Option<String>,
    /// Its variables that bear on the numbers, as far as they are set; missing when Lambda does not tell
    /// them. No others are here: some may hold a secret.
    pub variables: Option<BTreeMap<String, String>>,
    /// Why Lambda does not tell its variables.
    pub variables_failure: Option<String>,
}
