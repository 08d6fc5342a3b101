//! The files of a report.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    page::page,
    report::{Admission, Report},
};

const JSON: &str = "report.json";
pub(crate) const PAGE: &str = "report.html";

#[derive(Debug, thiserror::Error)]
#[error("{action} {path:?} failed")]
pub(crate) struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    fn of(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}

/// The file of goose's report about a run.
pub(crate) fn goose(admission: Admission) -> &'static str {
    match admission {
        Admission::Bypassed => "goose-without-admission.html",
        Admission::On => "goose-with-admission.html",
        Admission::AsDeployed => "goose.html",
    }
}

/// Creates the folder of a report.
pub(crate) fn create(out: &Path) -> Result<(), FileError> {
    fs::create_dir_all(out).map_err(FileError::of("writing", out))
}

/// Writes a report as JSON and as a page into its folder.
pub(crate) fn write(out: &Path, report: &Report) -> Result<(), FileError> {
    let path = out.join(JSON);
    let json = serde_json::to_string_pretty(report)
        .map_err(|error| FileError::of("writing", &path)(error.into()))?;
    put(&path, &(json + "\n"))?;
    put(&out.join(PAGE), &page(report))
}

/// Writes the page of a report.json; returns its path.
pub(crate) fn rewrite(report: &Path, output: Option<&Path>) -> Result<PathBuf, FileError> {
    let text = fs::read(report).map_err(FileError::of("reading", report))?;
    let read = serde_json::from_slice(&text)
        .map_err(|error| FileError::of("reading", report)(error.into()))?;
    let output = output.map_or_else(|| report.with_file_name(PAGE), Path::to_owned);
    put(&output, &page(&read))?;
    Ok(output)
}

fn put(path: &Path, text: &str) -> Result<(), FileError> {
    fs::write(path, text).map_err(FileError::of("writing", path))
}
