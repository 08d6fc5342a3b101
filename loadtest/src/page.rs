//! The report as a page: one HTML file that loads nothing from elsewhere.
//!
//! Its parts are in `loadtest/page`. It contains the report as JSON, which its script draws.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::report::Report;

const HTML: &str = include_str!("../page/page.html");

const STYLE: &str =
    concat!(include_str!("../page/vendor/uPlot.min.css"), include_str!("../page/page.css"));

/// The charts library with its licence, then the page's scripts, in the order of their dependencies.
const SCRIPT: &str = concat!(
    "/*\nuPlot 1.6.32\n\n",
    include_str!("../page/vendor/LICENSE"),
    "*/\n",
    include_str!("../page/vendor/uPlot.iife.min.js"),
    "\n(() => {\n\"use strict\";\n",
    include_str!("../page/format.js"),
    include_str!("../page/dom.js"),
    include_str!("../page/charts.js"),
    include_str!("../page/timeline.js"),
    include_str!("../page/latency.js"),
    include_str!("../page/run.js"),
    include_str!("../page/page.js"),
    "})();\n",
);

/// The HTML page of a report.
pub(crate) fn page(report: &Report) -> String {
    // The report last, so that no text in it is replaced.
    HTML.replace("{{policy}}", &policy())
        .replace("{{style}}", STYLE)
        .replace("{{script}}", SCRIPT)
        .replace("{{report}}", &embedded(report))
}

/// The report as JSON without `<`, at which HTML could end the script.
fn embedded(report: &Report) -> String {
    // Cannot fail: all keys are strings.
    serde_json::to_string(report).unwrap_or_default().replace('<', "\\u003c")
}

/// The content security policy, which allows only the page's own style and script. Injected HTML would not run.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const FIXTURES: [&str; 3] = [
        include_str!("../tests/page/aws.json"),
        include_str!("../tests/page/comparison.json"),
        include_str!("../tests/page/hostile.json"),
    ];

    fn fixtures() -> [Report; 3] {
        FIXTURES.map(|text| serde_json::from_str(text).unwrap())
    }

    /// What stands between the first `start` and the next `end`.
    fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
        text.split_once(start).unwrap().1.split_once(end).unwrap().0
    }

    #[test]
    fn fixtures_are_reports() {
        for text in FIXTURES {
            let report: Report = serde_json::from_str(text).unwrap();
            let value: Value = serde_json::from_str(text).unwrap();
            // Neither lacks a key that the other has.
            assert_eq!(serde_json::to_value(report).unwrap(), value);
        }
    }

    #[test]
    fn the_report_comes_out_as_it_went_in() {
        for report in fixtures() {
            let page = page(&report);
            let json = between(&page, "id=\"report\">", "</script>");
            assert_eq!(
                serde_json::from_str::<Value>(json).unwrap(),
                serde_json::to_value(report).unwrap()
            );
        }
    }

    #[test]
    fn no_report_adds_an_element() {
        let [quiet, _, hostile] = fixtures();
        let count = |report, what| page(report).matches(what).count();
        assert!(hostile.verdict.reasons[0].contains("</script><img"), "{:?}", hostile.verdict);
        for what in ["<script", "</script", "<img", "<!--"] {
            assert_eq!(count(&hostile, what), count(&quiet, what), "{what}");
        }
        assert_eq!(count(&quiet, "<script"), 2);
    }

    #[test]
    fn every_place_is_filled_once() {
        for place in ["{{policy}}", "{{style}}", "{{script}}", "{{report}}"] {
            assert_eq!(HTML.matches(place).count(), 1, "{place}");
            assert!(!STYLE.contains(place) && !SCRIPT.contains(place), "{place}");
        }
        for end in ["</style", "</script", "<!--"] {
            assert!(!STYLE.contains(end) && !SCRIPT.contains(end), "{end}");
        }
    }

    #[test]
    fn the_policy_allows_what_is_there_and_nothing_from_elsewhere() {
        let page = page(&fixtures()[0]);
        let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(policy.contains(&hash(between(&page, "<style>", "</style>"))), "{policy}");
        assert!(policy.contains(&hash(between(&page, "<script>", "</script>"))), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    }

    #[test]
    fn nothing_is_fetched() {
        let fetches = ["src=\"", "src='", "href=\"http", "url(", "@import", "fetch(", "import("];
        for part in [HTML, STYLE, SCRIPT] {
            for fetch in fetches {
                assert!(!part.contains(fetch), "{fetch}");
            }
        }
    }
}
