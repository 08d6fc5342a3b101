//! The parameters of the template.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

/// Names and values for `--parameter-overrides`; all other parameters keep their defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    pub(crate) fn with_all(mut self, others: &Self) -> Self {
        self.0.extend(others.0.clone());
        self
    }

    /// Parses `NAME=VALUE`s. Refuses values that the SAM CLI would misread.
    pub(crate) fn parse<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<Self> {
        texts.into_iter().try_fold(Self::default(), |all, text| {
            let (name, value) =
                text.split_once('=').with_context(|| format!("{text} is not NAME=VALUE"))?;
            ensure!(
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()),
                "{name:?} is not the name of a parameter: letters and digits"
            );
            ensure!(
                !value.contains(['"', '\\', '\n']),
                "the value of {name} has a quote, backslash or line break in it"
            );
            Ok(all.with(name, value))
        })
    }

    /// The parameters as arguments of the SAM CLI.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = String> + '_ {
        let argument = |(name, value): (&String, &String)| {
            format!("ParameterKey={name},ParameterValue=\"{value}\"")
        };
        self.0.iter().map(argument)
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    fn parse(texts: &[&str]) -> anyhow::Result<Parameters> {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        Parameters::parse(&texts)
    }

    #[test]
    fn reads_names_and_values() {
        let parameters = parse(&["HoldSeconds=2", "PoolName=a=b", "HoldSeconds=3"]).unwrap();
        let arguments: Vec<_> = parameters.arguments().collect();
        assert_eq!(
            arguments,
            [
                "ParameterKey=HoldSeconds,ParameterValue=\"3\"",
                "ParameterKey=PoolName,ParameterValue=\"a=b\"",
            ]
        );
    }

    #[test]
    fn refuses_what_the_sam_cli_would_misread() {
        for text in ["", "HoldSeconds", "=2", "Hold Seconds=2", "A=\"b", "A=b\\"] {
            assert!(parse(&[text]).is_err(), "{text}");
        }
    }
}
