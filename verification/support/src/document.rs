//! Markdown tables, and their places in a document.

use anyhow::{Context, Result};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{Cell, CellAlignment, Table};

/// An empty Markdown table. All columns but the first are right-aligned.
pub fn table(heads: impl IntoIterator<Item = impl Into<Cell>>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(heads.into_iter().collect::<Vec<_>>());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Replaces the text between `<!-- PROGRAM:NAME -->` and `<!-- /PROGRAM:NAME -->` in `document`.
///
/// # Errors
/// When the document lacks these comments.
pub fn put(document: &str, program: &str, name: &str, text: &str) -> Result<String> {
    let begin = format!("<!-- {program}:{name} -->");
    let end = format!("<!-- /{program}:{name} -->");
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
    fn put_replaces_the_text_in_its_place_and_nothing_else() {
        let document = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n";
        let put = |program, name| put(document, program, name, "| new |  ");
        let expected = "a\n<!-- bench:x -->\n| new |\n<!-- /bench:x -->\nb\n";
        assert_eq!(put("bench", "x").expect("it has a place"), expected);
        assert!(put("bench", "y").is_err());
        assert!(put("sim", "x").is_err());
    }
}
