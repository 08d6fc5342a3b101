//! Switching the query function for a run, and back.

use std::{collections::HashMap, time::Duration};

use aws_sdk_lambda::{
    Client, client::Waiters, error::BoxError,
    operation::get_function_configuration::GetFunctionConfigurationOutput, types::Environment,
};

use crate::report::Admission;

/// The variable that switches admission. Its values stand in the query function's documentation.
const ADMISSION: &str = "ADMISSION";
/// The variable that says how long a query holds its connection.
const HOLD: &str = "HOLD_SECONDS";
/// How long Lambda may take to put a change into force.
const PATIENCE: Duration = Duration::from_secs(60);

/// The query function's environment, to be changed and put back. No `Debug`: it may hold a secret.
pub(crate) struct Switch {
    client: Client,
    function: String,
    before: HashMap<String, String>,
}

/// Why the function could not be switched.
#[derive(Debug, thiserror::Error)]
#[error("{doing} the query function {function:?} failed")]
pub struct SwitchError {
    /// What was being done.
    doing: &'static str,
    /// The function's name.
    function: String,
    /// What Lambda, or the way to it, said.
    source: BoxError,
}

impl Switch {
    /// Reads the function's environment, to put it back later.
    ///
    /// # Errors
    /// [`SwitchError`] when it can't be read.
    pub(crate) async fn of(client: Client, function: String) -> Result<Self, SwitchError> {
        let read = client.get_function_configuration().function_name(&function).send().await;
        let before = match read {
            Ok(configuration) => variables(configuration),
            Err(error) => return Err(failed("reading", &function, error)),
        };
        Ok(Self { client, function, before })
    }

    /// Switches admission and the hold, as far as they are given; all else stays as it was found.
    /// Returns when the change is in force.
    ///
    /// # Errors
    /// [`SwitchError`] when Lambda refuses, or takes too long.
    pub(crate) async fn set(
        &self,
        admission: Admission,
        hold: Option<Duration>,
    ) -> Result<(), SwitchError> {
        let mut variables = self.before.clone();
        let admission = match admission {
            Admission::Bypassed => Some("bypass"),
            Admission::On => Some("on"),
            Admission::AsDeployed => None,
        };
        variables.extend(admission.map(|value| (ADMISSION.to_owned(), value.to_owned())));
        variables.extend(hold.map(|hold| (HOLD.to_owned(), hold.as_secs_f64().to_string())));
        self.update(variables).await
    }

    /// Puts everything back as it was found.
    ///
    /// # Errors
    /// [`SwitchError`] when Lambda refuses, or takes too long: the function may then stay switched.
    pub(crate) async fn restore(&self) -> Result<(), SwitchError> {
        self.update(self.before.clone()).await
    }

    async fn update(&self, variables: HashMap<String, String>) -> Result<(), SwitchError> {
        let environment = Environment::builder().set_variables(Some(variables)).build();
        self.client
            .update_function_configuration()
            .function_name(&self.function)
            .environment(environment)
            .send()
            .await
            .map_err(|error| failed("switching", &self.function, error))?;
        self.client
            .wait_until_function_updated_v2()
            .function_name(&self.function)
            .wait(PATIENCE)
            .await
            .map_err(|error| failed("waiting for the switch of", &self.function, error))?;
        Ok(())
    }
}

fn variables(configuration: GetFunctionConfigurationOutput) -> HashMap<String, String> {
    configuration.environment.and_then(|environment| environment.variables).unwrap_or_default()
}

fn failed(doing: &'static str, function: &str, error: impl Into<BoxError>) -> SwitchError {
    SwitchError { doing, function: function.to_owned(), source: error.into() }
}
