//! The query function, as it is found.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_lambda::{
    Client, operation::get_function_configuration::GetFunctionConfigurationOutput,
};

use crate::{
    report::Deployment,
    switch::{ADMISSION, HOLD, Switch, SwitchError},
};

/// The variables that a report tells: they bear on its numbers, and none of them is a secret.
const TOLD: [&str; 6] =
    [ADMISSION, "ADMISSION_VIA", HOLD, "SLOT_WAIT_MS", "WARM_SLOT_SECONDS", "WARM_BELOW"];

/// The query function as it was found. No `Debug`: its variables may hold a secret.
pub(crate) struct Function {
    client: Client,
    name: String,
    found: GetFunctionConfigurationOutput,
}

/// Why Lambda does not tell a function's variables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HiddenError {
    /// It can't decrypt them for who asks. Of what it says, only the code: the rest may be sensitive.
    #[error("Lambda can't decrypt them for the caller ({0})")]
    Undecrypted(String),
    /// It says that there are none, which can't be true of the query.
    #[error("Lambda tells of none")]
    None,
}

impl Function {
    /// Reads what the function is.
    ///
    /// # Errors
    /// [`SwitchError`] when it can't be read.
    pub(crate) async fn read(client: Client, name: String) -> Result<Self, SwitchError> {
        let read = client.get_function_configuration().function_name(&name).send().await;
        let found = read.map_err(|error| SwitchError::failed("reading", &name, error))?;
        Ok(Self { client, name, found })
    }

    /// What a report tells of it.
    pub(crate) fn deployment(&self) -> Deployment {
        let (variables, failure) = match variables(&self.found) {
            Ok(variables) => (Some(told(variables)), None),
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

    /// The switch of it, for runs in which a query holds its connection for so long.
    ///
    /// # Errors
    /// [`SwitchError::Hidden`] when its variables are not known: Lambda replaces all of them at once,
    /// and those that nobody knows would be gone for good. [`SwitchError::TooLong`] when no query could
    /// hold its connection as long and answer.
    pub(crate) fn switch(&self, hold: Option<Duration>) -> Result<Switch, SwitchError> {
        let (client, name) = (self.client.clone(), self.name.clone());
        let timeout = self.found.timeout().and_then(|seconds| u64::try_from(seconds).ok());
        if let (Some(hold), Some(timeout)) = (hold, timeout.map(Duration::from_secs))
            && hold >= timeout
        {
            return Err(SwitchError::TooLong { function: name, hold, timeout });
        }
        match variables(&self.found) {
            Ok(before) => Ok(Switch::new(client, name, before.clone())),
            Err(source) => Err(SwitchError::Hidden { function: name, source }),
        }
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

/// Those of the variables that a report tells.
fn told(variables: &HashMap<String, String>) -> BTreeMap<String, String> {
    let set = |name: &str| variables.get(name).map(|value| (name.to_owned(), value.clone()));
    TOLD.into_iter().filter_map(set).collect()
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

    /// Of a function whose variables can't be decrypted.
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
                Err(SwitchError::Hidden { source, .. }) => assert_eq!(source, why),
                Err(other) => panic!("another error: {other}"),
                Ok(_) => panic!("{why} is no obstacle"),
            }
            let told = function.deployment();
            assert_eq!(told.code_sha256.as_deref(), Some("a+b="));
            assert_eq!((told.variables, told.variables_failure), (None, Some(why.to_string())));
        }
    }

    #[test]
    fn a_hold_that_leaves_no_time_to_answer_is_refused() {
        let function = with(&[("TABLE_NAME", "t")]);
        let hold = |seconds| function.switch(Duration::try_from_secs_f64(seconds).ok());
        assert!(hold(19.9).is_ok());
        assert!(matches!(hold(20.0), Err(SwitchError::TooLong { .. })));
    }

    #[test]
    fn a_report_tells_some_variables_and_no_others() {
        let function = with(&[
            ("ADMISSION", "on"),
            ("HOLD_SECONDS", "0.5"),
            ("SECRET_ARN", "arn:…:secret"),
            ("MY_PASSWORD", "p@ss"),
        ]);
        let told = function.deployment().variables.unwrap();
        let told: Vec<_> =
            told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(told, [("ADMISSION", "on"), ("HOLD_SECONDS", "0.5")]);
    }
}
