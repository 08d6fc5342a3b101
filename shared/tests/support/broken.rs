//! A client of Secrets Manager that panics, as a defect in a library would.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_secretsmanager::config::{
    BehaviorVersion, Config, ConfigBag, Credentials, Intercept, Region,
};

/// Text of the panic, which must not appear in logs or answers.
pub(crate) const SECRET: &str = "hunter2";

#[derive(Debug)]
struct Broken;

impl Intercept for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        panic!("the password is {}", std::hint::black_box(SECRET))
    }
}

/// Panics whatever it is asked for.
pub(crate) fn client() -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .interceptor(Broken);
    Client::from_conf(config.build())
}
