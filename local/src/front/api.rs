//! The REST API's stage, which MiniStack serves below a path of its own.

use anyhow::{Context as _, Result};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use super::API_PATH;

/// Which stage of which API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestApi {
    id: String,
    stage: String,
}

impl RestApi {
    /// Reads them from a stage's URL on AWS,
    /// `https://{id}.execute-api.{region}.amazonaws.com/{stage}`.
    ///
    /// # Errors
    /// When the URL is of another form.
    pub fn from_url(url: &str) -> Result<Self> {
        let parse = || {
            let rest = url.strip_prefix("https://")?;
            let (host, path) = rest.split_once('/')?;
            let (id, _) = host.split_once(".execute-api.")?;
            let stage = path.trim_end_matches('/');
            let plain = !stage.is_empty() && !stage.contains('/');
            plain.then(|| Self { id: id.to_owned(), stage: stage.to_owned() })
        };
        parse().with_context(|| format!("{url} is not the URL of a REST API's stage"))
    }

    /// Where MiniStack serves what this door serves at `path`, with the query of `uri`.
    pub(super) fn rewrite(&self, path: &str, uri: &Uri) -> Uri {
        let Self { id, stage } = self;
        let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
        format!("/restapis/{id}/{stage}/_user_request_/{path}{query}")
            .parse()
            // The path was part of a URI and is put between parts of one.
            .unwrap_or_else(|_| uri.clone())
    }
}

/// What follows [`API_PATH`] and its slash, when the request is for the API.
pub(super) fn path_below(uri: &Uri) -> Option<&str> {
    let rest = uri.path().strip_prefix(API_PATH)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

pub(super) fn not_deployed() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the API is not deployed yet").into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;

    use super::{RestApi, path_below};

    #[test]
    fn knows_the_api_from_its_url() {
        let api =
            RestApi::from_url("https://ab12.execute-api.us-east-1.amazonaws.com/prod").unwrap();
        let uri: Uri = "/api/employees?a=1".parse().unwrap();
        let path = path_below(&uri).unwrap();
        assert_eq!(
            api.rewrite(path, &uri).to_string(),
            "/restapis/ab12/prod/_user_request_/employees?a=1"
        );
    }

    #[test]
    fn refuses_other_urls() {
        for url in [
            "",
            "http://ab12.execute-api.us-east-1.amazonaws.com/prod",
            "https://ab12.execute-api.us-east-1.amazonaws.com/",
            "https://example.com/prod",
            "https://ab12.execute-api.us-east-1.amazonaws.com/prod/employees",
        ] {
            assert!(RestApi::from_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_the_apis_own_path_counts() {
        let below = |path: &'static str| path_below(&Uri::from_static(path)).map(str::to_owned);
        assert_eq!(below("/api").as_deref(), Some(""));
        assert_eq!(below("/api/").as_deref(), Some(""));
        assert_eq!(below("/api/a/b").as_deref(), Some("a/b"));
        assert_eq!(below("/apis"), None);
        assert_eq!(below("/"), None);
    }
}
