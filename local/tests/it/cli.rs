//! The command line, as far as it goes without a whole stack.

use std::path::Path;
use std::process::{Command, Output};

fn local(project: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_local"))
        .current_dir(project)
        .env_remove("LOCAL_VENV")
        .args(arguments)
        .output()
        .unwrap()
}

/// A folder that looks like the project, but has nothing in it.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("template.yaml"), "Resources: {}\n").unwrap();
    dir
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn down_is_fine_when_nothing_is_up() {
    let project = project();
    let output = local(project.path(), &["down"]);
    assert!(output.status.success());
    assert!(stderr(&output).starts_with("No stack is up in "));
}

#[test]
fn status_tells_by_its_exit_code() {
    let project = project();
    assert_eq!(local(project.path(), &["status"]).status.code(), Some(1));
}

#[test]
fn up_and_run_fail_with_one_line_that_says_why() {
    let project = project();
    for arguments in [&["up"][..], &["up", "--foreground"], &["run", "--", "true"]] {
        let output = local(project.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let text = stderr(&output);
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("local: "), "{arguments:?}: {text}");
        assert!(last.contains("is missing: run local/setup.sh first"), "{arguments:?}: {text}");
        assert_eq!(local(project.path(), &["status"]).status.code(), Some(1));
    }
}

#[test]
fn a_bad_parameter_is_refused_before_anything_starts() {
    let project = project();
    let output = local(project.path(), &["up", "--param", "HoldSeconds"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "local: HoldSeconds is not NAME=VALUE\n");
    assert!(!project.path().join("target").exists());
}

#[test]
fn outside_a_project_the_folder_must_be_named() {
    let nowhere = tempfile::tempdir().unwrap();
    let output = local(nowhere.path(), &["status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no template.yaml here or above"));
}
