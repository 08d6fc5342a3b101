//! Which requests there are.

use lambda_http::http::Method;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `GET /employees`, or `GET /` as the article has it.
    Employees,
    /// One of these paths with another method.
    MethodNotAllowed,
    /// Another path.
    NotFound,
}

impl Route {
    /// The route of a method and a path without its stage. A slash at the end makes no difference.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        match (path.trim_end_matches('/'), method) {
            ("" | "/employees", &Method::GET) => Self::Employees,
            ("" | "/employees", _) => Self::MethodNotAllowed,
            _ => Self::NotFound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_paths_are_served_to_get_only() {
        for path in ["", "/", "/employees", "/employees/"] {
            assert_eq!(Route::of(&Method::GET, path), Route::Employees, "{path}");
            assert_eq!(Route::of(&Method::POST, path), Route::MethodNotAllowed, "{path}");
        }
        for path in ["/employee", "/employees/1", "/Employees", "employees"] {
            assert_eq!(Route::of(&Method::GET, path), Route::NotFound, "{path}");
        }
    }
}
