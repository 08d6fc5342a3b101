//! The files of a report.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    page::page,
    report::{Admission, Report},
};

/// The report's file in its folder.
const JSON: &str = "report.json";
/// The page's file in its folder.
pub(crate) const PAGE: &str = "report.html";

/// A file or folder that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("writing {path:?} failed")]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// A report that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("reading {path:?} failed")]
pub struct ReadError {
    path: PathBuf,
    source: io::Error,
}

/// The file of goose's report on a run.
pub(crate) fn goose(admission: Admission) -> &'static str {
    match admission {
        Admission::Bypassed => "goose-without-admission.html",
        Admission::On => "goose-with-admission.html",
        Admission::AsDeployed => "goose.html",
    }
}

/// Creates the folder of a report.
///
/// # Errors
/// [`WriteError`].
pub(crate) fn create(out: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(out).map_err(|source| WriteError { path: out.to_owned(), source })
}

/// Writes a report as JSON and as a page into its folder.
///
/// # Errors
/// [`WriteError`].
pub(crate) fn write(out: &Path, report: &Report) -> Result<(), WriteError> {
    let json = serde_json::to_string_pretty(report)
        .map_err(|error| WriteError { path: out.join(JSON), source: error.into() })?;
    put(&out.join(JSON), &(json + "\n"))?;
    put(&out.join(PAGE), &page(report))
}

/// Writes the page of a report that was written as JSON; says where it is.
///
/// # Errors
/// [`PageError`] when the report can't be read or the page not be written.
pub fn rewrite(report: &Path, output: Option<&Path>) -> Result<PathBuf, PageError> {
    let text = fs::read(report).map_err(|source| ReadError { path: report.to_owned(), source })?;
    let read = serde_json::from_slice(&text)
        .map_err(|error| ReadError { path: report.to_owned(), source: error.into() })?;
    let output = output.map_or_else(|| report.with_file_name(PAGE), Path::to_owned);
    put(&output, &page(&read))?;
    Ok(output)
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The report can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The page can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn put(path: &Path, text: &str) -> Result<(), WriteError> {
    fs::write(path, text).map_err(|source| WriteError { path: path.to_owned(), source })
}
