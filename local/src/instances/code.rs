//! Puts a function's code on the disk, once for each version of it.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use zip::ZipArchive;

use super::FunctionRecord;
use crate::aws::Aws;

/// Downloads and unpacks the code of `record` below `root`, unless it is there already. Returns
/// its folder.
pub(super) async fn unpack(aws: &Aws, record: &FunctionRecord, root: &Path) -> Result<PathBuf> {
    let folder = root.join(folder_name(&record.configuration.code_sha256));
    if folder.exists() {
        return Ok(folder);
    }
    let zip = aws.download(&record.code.location).await?;
    let target = folder.clone();
    tokio::task::spawn_blocking(move || extract(&zip, &target))
        .await
        .context("unpacking was cut off")??;
    Ok(folder)
}

/// The hash is base64, whose `/` and `+` would not do in a path.
fn folder_name(code_sha256: &str) -> String {
    code_sha256
        .chars()
        .filter_map(|c| match c {
            '/' => Some('_'),
            '+' => Some('-'),
            '=' => None,
            other => Some(other),
        })
        .collect()
}

fn extract(zip: &[u8], folder: &Path) -> Result<()> {
    // Unpacked aside and renamed: a folder with the final name is always complete.
    let aside = folder.with_extension(uuid::Uuid::new_v4().simple().to_string());
    ZipArchive::new(Cursor::new(zip))
        .context("reading the zip")?
        .extract(&aside)
        .context("unpacking the zip")?;
    match fs::rename(&aside, folder) {
        Err(_) if folder.exists() => fs::remove_dir_all(&aside),
        other => other,
    }
    .with_context(|| format!("renaming to {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn a_hash_makes_one_path_segment() {
        assert_eq!(folder_name("ab/c+d=="), "ab_c-d");
    }
}
