//! The tables' places in the document.

use anyhow::{Context, Result};

/// Puts `table` into its place in `document`: between the two comments that bear its name.
///
/// # Errors
/// When the document has no such place.
pub fn put(document: &str, name: &str, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- sim:{name} -->"), format!("<!-- /sim:{name} -->"));
    let place = || format!("no place between {begin} and {end}");
    let (before, rest) = document.split_once(&begin).with_context(place)?;
    let (_, after) = rest.split_once(&end).with_context(place)?;
    let table: Vec<_> = table.lines().map(str::trim_end).collect();
    Ok(format!("{before}{begin}\n{}\n{end}{after}", table.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_replaces_what_was_in_its_place() {
        let document = "a\n<!-- sim:x -->\nold\n<!-- /sim:x -->\nb\n";
        let put = |name| put(document, name, "| new |");
        let expected = "a\n<!-- sim:x -->\n| new |\n<!-- /sim:x -->\nb\n";
        assert_eq!(put("x").expect("it has a place"), expected);
        assert!(put("y").is_err());
    }
}
