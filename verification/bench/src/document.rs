//! The tables' places in the document.

use anyhow::{Context, Result};

/// Puts `text` into its place in `document`: between the two comments that bear its name.
///
/// # Errors
/// When the document has no such place.
pub fn put(document: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench:{name} -->"), format!("<!-- /bench:{name} -->"));
    let place = || format!("no place between {begin} and {end}");
    let (before, rest) = document.split_once(&begin).with_context(place)?;
    let (_, after) = rest.split_once(&end).with_context(place)?;
    let text: Vec<_> = text.lines().map(str::trim_end).collect();
    Ok(format!("{before}{begin}\n{}\n{end}{after}", text.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_replaces_what_was_in_its_place_and_nothing_else() {
        let document = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n";
        let put = |name| put(document, name, "| new |  ");
        let expected = "a\n<!-- bench:x -->\n| new |\n<!-- /bench:x -->\nb\n";
        assert_eq!(put("x").expect("it has a place"), expected);
        assert!(put("y").is_err());
    }
}
