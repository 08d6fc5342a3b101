//! Switching the query function for a run, and back.

use std::{collections::HashMap, time::Duration};

use aws_sdk_lambda::{Client, client::Waiters, error::BoxError, types::Environment};

use crate::{function::HiddenError, report::Admission};

/// The variable that switches admission. Its values stand in the query function's documentation.
pub(crate) const ADMISSION: &str = "ADMISSION";
/// The variable that says how long a query holds its connection.
pub(crate) const HOLD: &str = "HOLD_SECONDS";
/// How long Lambda may take to put a change into force.
const PATIENCE: Duration = Duration::from_secs(60);

/// The query function's environment, to be changed and put back. No `Debug`: it may hold a secret.
pub(crate) struct Switch {
    client: Client,
    function: String,
    before: HashMap<String, String>,
}

/// Why the function could not be read or switched.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// Lambda refused, or was out of reach.
    #[error("{doing} the query function {function:?} failed")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// The function's name.
        function: String,
        /// What Lambda, or the way to it, said.
        source: BoxError,
    },
    /// Its variables could be replaced, but not put back.
    #[error("the variables of the query function {function:?} are not known: it is left as it is")]
    Hidden {
        /// The function's name.
        function: String,
        /// Why they are not known.
        source: HiddenError,
    },
    /// No query could hold its connection as long and answer.
    #[error(
        "a hold of {hold:?} leaves the query function {function:?} no time: it is ended after {timeout:?}"
    )]
    TooLong {
        /// The function's name.
        function: String,
        /// How long a query was to hold its connection.
        hold: Duration,
        /// How long Lambda lets it run.
        timeout: Duration,
    },
}

/// The function could not be put back as it was found.
#[derive(Debug, thiserror::Error)]
#[error("the query function {function:?} may still be switched: SET BACK BY HAND {variables}")]
pub struct RestoreError {
    /// The function's name.
    function: String,
    /// What it has to have, and what it must not have.
    variables: String,
    /// Why it could not be put back.
    source: SwitchError,
}

impl SwitchError {
    pub(crate) fn failed(doing: &'static str, function: &str, error: impl Into<BoxError>) -> Self {
        Self::Failed { doing, function: function.to_owned(), source: error.into() }
    }
}

impl Switch {
    /// A switch of a function that has these variables.
    pub(crate) fn new(client: Client, function: String, before: HashMap<String, String>) -> Self {
        Self { client, function, before }
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
    /// [`RestoreError`] when Lambda refuses, or takes too long: the function may then stay switched.
    pub(crate) async fn restore(&self) -> Result<(), RestoreError> {
        self.update(self.before.clone()).await.map_err(|source| RestoreError {
            function: self.function.clone(),
            variables: [ADMISSION, HOLD].map(|name| self.as_found(name)).join(" and "),
            source,
        })
    }

    /// What somebody has to do about a variable of the function, to have it as it was found.
    fn as_found(&self, name: &str) -> String {
        match self.before.get(name) {
            Some(value) => format!("{name}={value}"),
            None => format!("{name}, which was not set"),
        }
    }

    async fn update(&self, variables: HashMap<String, String>) -> Result<(), SwitchError> {
        let environment = Environment::builder().set_variables(Some(variables)).build();
        self.client
            .update_function_configuration()
            .function_name(&self.function)
            .environment(environment)
            .send()
            .await
            .map_err(|error| SwitchError::failed("switching", &self.function, error))?;
        self.client
            .wait_until_function_updated_v2()
            .function_name(&self.function)
            .wait(PATIENCE)
            .await
            .map_err(|error| {
                SwitchError::failed("waiting for the switch of", &self.function, error)
            })?;
        Ok(())
    }
}
