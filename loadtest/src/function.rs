//! The query function: reads its configuration, changes variables for a run, and restores them.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_lambda::{
    Client, client::Waiters, error::BoxError,
    operation::get_function_configuration::GetFunctionConfigurationOutput, types::Environment,
};

use crate::report::{Admission, Deployment};

/// The variable that switches admission. The query function's documentation has its values.
const ADMISSION: &str = "ADMISSION";
/// The variable for the time that a query holds its connection.
const HOLD: &str = "HOLD_SECONDS";
/// The variables in a report: they affect its numbers, and none is a secret.
const REPORTED: [&str; 6] =
    [ADMISSION, "ADMISSION_VIA", HOLD, "SLOT_WAIT_MS", "WARM_SLOT_SECONDS", "WARM_BELOW"];
/// How long Lambda may take to apply a change.
const UPDATE_LIMIT: Duration = Duration::from_secs(60);

/// The query function as it was found. No `Debug`: its variables may hold a secret.
pub(crate) struct Function {
    client: Client,
    name: String,
    found: GetFunctionConfigurationOutput,
}

/// Changes the function's variables, and restores them. No `Debug`: they may hold a secret.
pub(crate) struct Switch {
    client: Client,
    function: String,
    before: HashMap<String, String>,
}

/// Why Lambda does not return the function's variables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HiddenError {
    /// Lambda can't decrypt them for the caller. Has only the error's code: its message may be sensitive.
    #[error("Lambda can't decrypt them for the caller ({0})")]
    Undecrypted(String),
    /// Lambda returns none, but the query function always has some.
    #[error("Lambda returns none")]
    None,
}

/// Why the function could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FunctionError {
    #[error("{action} the query function {function:?} failed")]
    Failed { action: &'static str, function: String, source: BoxError },
    /// Its variables could be replaced, but not restored.
    #[error("the variables of the query function {function:?} are not readable: it is not changed")]
    Hidden { function: String, source: HiddenError },
    #[error(
        "a hold of {hold:?} leaves the query function {function:?} no time to answer: its timeout is {timeout:?}"
    )]
    TooLong { function: String, hold: Duration, timeout: Duration },
}

/// The function's variables could not be restored.
#[derive(Debug, thiserror::Error)]
#[error("the query function {function:?} may still be changed: RESTORE BY HAND {variables}")]
pub(crate) struct RestoreError {
    function: String,
    /// The original values.
    variables: String,
    source: FunctionError,
}

impl FunctionError {
    fn failed(action: &'static str, function: &str, error: impl Into<BoxError>) -> Self {
        Self::Failed { action, function: function.to_owned(), source: error.into() }
    }
}

impl Function {
    pub(crate) async fn read(client: Client, name: String) -> Result<Self, FunctionError> {
        let read = client.get_function_configuration().function_name(&name).send().await;
        let found = read.map_err(|error| FunctionError::failed("reading", &name, error))?;
        Ok(Self { client, name, found })
    }

    /// The function's description in a report.
    pub(crate) fn deployment(&self) -> Deployment {
        let (variables, failure) = match variables(&self.found) {
            Ok(variables) => (Some(reported(variables)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Deployment {
            query_function: self.name.clone(),
            code_sha256: self.found.code_sha256.clone(),
            last_modified: self.found.last_modified.clone(),
            variables,
            variables_failure: failure,
        }
    }

    /// Prepares a switch for runs with this hold.
    ///
    /// [`FunctionError::Hidden`] when the variables are not readable: an update replaces all of them, and those unknown
    /// would be lost. [`FunctionError::TooLong`] when a query with this hold could not answer in time.
    pub(crate) fn switch(&self, hold: Option<Duration>) -> Result<Switch, FunctionError> {
        let (client, name) = (self.client.clone(), self.name.clone());
        let timeout = self.found.timeout().and_then(|seconds| u64::try_from(seconds).ok());
        if let (Some(hold), Some(timeout)) = (hold, timeout.map(Duration::from_secs))
            && hold >= timeout
        {
            return Err(FunctionError::TooLong { function: name, hold, timeout });
        }
        match variables(&self.found) {
            Ok(before) => Ok(Switch { client, function: name, before: before.clone() }),
            Err(source) => Err(FunctionError::Hidden { function: name, source }),
        }
    }
}

impl Switch {
    /// Sets admission and the hold where given; all other variables are as found. Returns when the change is in force.
    pub(crate) async fn set(
        &self,
        admission: Admission,
        hold: Option<Duration>,
    ) -> Result<(), FunctionError> {
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

    /// Restores all variables. After an error the function may still be changed.
    pub(crate) async fn restore(&self) -> Result<(), RestoreError> {
        self.update(self.before.clone()).await.map_err(|source| RestoreError {
            function: self.function.clone(),
            variables: [ADMISSION, HOLD].map(|name| self.original(name)).join(" and "),
            source,
        })
    }

    /// The original value of a variable, for the user.
    fn original(&self, name: &str) -> String {
        match self.before.get(name) {
            Some(value) => format!("{name}={value}"),
            None => format!("{name}, which was not set"),
        }
    }

    async fn update(&self, variables: HashMap<String, String>) -> Result<(), FunctionError> {
        let environment = Environment::builder().set_variables(Some(variables)).build();
        self.client
            .update_function_configuration()
            .function_name(&self.function)
            .environment(environment)
            .send()
            .await
            .map_err(|error| FunctionError::failed("changing", &self.function, error))?;
        self.client
            .wait_until_function_updated_v2()
            .function_name(&self.function)
            .wait(UPDATE_LIMIT)
            .await
            .map_err(|error| {
                FunctionError::failed("waiting for the change of", &self.function, error)
            })?;
        Ok(())
    }
}

/// All of a function's variables.
fn variables(
    found: &GetFunctionConfigurationOutput,
) -> Result<&HashMap<String, String>, HiddenError> {
    let environment = found.environment().ok_or(HiddenError::None)?;
    match (environment.error(), environment.variables()) {
        (Some(error), _) => {
            Err(HiddenError::Undecrypted(error.error_code().unwrap_or("no code").to_owned()))
        }
        (None, Some(variables)) if !variables.is_empty() => Ok(variables),
        (None, _) => Err(HiddenError::None),
    }
}

fn reported(variables: &HashMap<String, String>) -> BTreeMap<String, String> {
    let set = |name: &str| variables.get(name).map(|value| (name.to_owned(), value.clone()));
    REPORTED.into_iter().filter_map(set).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{EnvironmentError, EnvironmentResponse};

    use super::*;

    fn found(environment: Option<EnvironmentResponse>) -> Function {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
            .build();
        Function {
            client: Client::from_conf(config),
            name: "q".to_owned(),
            found: GetFunctionConfigurationOutput::builder()
                .code_sha256("a+b=")
                .timeout(20)
                .set_environment(environment)
                .build(),
        }
    }

    fn with(variables: &[(&str, &str)]) -> Function {
        let environment =
            variables.iter().fold(EnvironmentResponse::builder(), |some, (name, value)| {
                some.variables(*name, *value)
            });
        found(Some(environment.build()))
    }

    /// A function whose variables can't be decrypted.
    fn undecrypted(variables: Option<HashMap<String, String>>) -> Function {
        let error = EnvironmentError::builder()
            .error_code("AccessDeniedException")
            .message("no kms:Decrypt for arn:aws:iam::123456789012:user/u")
            .build();
        let environment =
            EnvironmentResponse::builder().set_variables(variables).error(error).build();
        found(Some(environment))
    }

    #[test]
    fn only_a_function_whose_variables_are_known_can_be_switched() {
        assert!(with(&[("TABLE_NAME", "t")]).switch(None).is_ok());
        let unread = HiddenError::Undecrypted("AccessDeniedException".to_owned());
        for (function, why) in [
            (undecrypted(None), unread.clone()),
            (undecrypted(Some(HashMap::new())), unread.clone()),
            (undecrypted(Some([("A".to_owned(), "b".to_owned())].into())), unread),
            (found(None), HiddenError::None),
            (found(Some(EnvironmentResponse::builder().build())), HiddenError::None),
            (with(&[]), HiddenError::None),
        ] {
            match function.switch(None) {
                Err(FunctionError::Hidden { source, .. }) => assert_eq!(source, why),
                Err(other) => panic!("another error: {other}"),
                Ok(_) => panic!("{why} is no obstacle"),
            }
            let deployment = function.deployment();
            assert_eq!(deployment.code_sha256.as_deref(), Some("a+b="));
            assert_eq!(
                (deployment.variables, deployment.variables_failure),
                (None, Some(why.to_string()))
            );
        }
    }

    #[test]
    fn a_hold_that_leaves_no_time_to_answer_is_refused() {
        let function = with(&[("TABLE_NAME", "t")]);
        let hold = |seconds| function.switch(Duration::try_from_secs_f64(seconds).ok());
        assert!(hold(19.9).is_ok());
        assert!(matches!(hold(20.0), Err(FunctionError::TooLong { .. })));
    }

    #[test]
    fn a_report_has_some_variables_and_no_others() {
        let function = with(&[
            ("ADMISSION", "on"),
            ("HOLD_SECONDS", "0.5"),
            ("SECRET_ARN", "arn:…:secret"),
            ("MY_PASSWORD", "p@ss"),
        ]);
        let variables = function.deployment().variables.unwrap();
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(variables, [("ADMISSION", "on"), ("HOLD_SECONDS", "0.5")]);
    }
}
