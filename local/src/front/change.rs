//! Changes of a function by Lambda's API: what runs next must be the function as it is then.

use axum::extract::Request;
use axum::http::Method;

use super::invoke::parse_reference;

/// The function that a request changes, when it is an `UpdateFunctionConfiguration` or an
/// `UpdateFunctionCode`.
pub(super) fn target(request: &Request) -> Option<String> {
    if request.method() != Method::PUT {
        return None;
    }
    let path = request.uri().path().strip_prefix("/2015-03-31/functions/")?;
    let reference = path.strip_suffix("/configuration").or_else(|| path.strip_suffix("/code"))?;
    Some(parse_reference(reference)?.0)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn changed(method: Method, path: &str) -> Option<String> {
        target(&Request::builder().method(method).uri(path).body(Body::empty()).unwrap())
    }

    #[test]
    fn only_changes_of_a_function_are_such() {
        let query = Some("query".to_owned());
        for path in ["query/configuration", "query/code", "arn:aws:lambda:r:1:function:query/code"]
        {
            assert_eq!(changed(Method::PUT, &format!("/2015-03-31/functions/{path}")), query);
        }
        assert_eq!(changed(Method::GET, "/2015-03-31/functions/query/configuration"), None);
        assert_eq!(changed(Method::PUT, "/2015-03-31/functions/query/concurrency"), None);
        assert_eq!(changed(Method::PUT, "/query/configuration"), None);
    }
}
