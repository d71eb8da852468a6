//! Bugs rot when the sources move on, and a copy rots when a crate is added: both are noticed here.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use bowline_bugs::{Tree, load_all, workspace_root};

#[test]
fn every_bug_still_stands_exactly_once_in_the_sources_and_there_are_enough_of_them() {
    let root = workspace_root();
    let bugs = load_all(&root.join("tests/bugs/bugs")).unwrap();
    assert!(bugs.len() >= 45, "{} bugs", bugs.len());
    let names: BTreeSet<&str> = bugs.iter().map(|bug| bug.name.as_str()).collect();
    assert_eq!(names.len(), bugs.len(), "two bugs have one name");
    for bug in &bugs {
        assert!(!bug.breaks.is_empty() && !bug.promise.is_empty(), "{} says what it breaks", bug.name);
        for file in bug.files() {
            assert!(
                file.starts_with(&format!("crates/{}/src/", bug.area)),
                "{} changes {file}: bugs are in the cores and the log, in the folder of their crate",
                bug.name
            );
            let text = fs::read_to_string(root.join(file)).unwrap();
            let changed = bug.apply(file, &text).unwrap_or_else(|error| panic!("{error}"));
            assert_ne!(changed, text, "{} changes nothing", bug.name);
        }
    }
}

#[test]
fn the_copied_tree_has_everything_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::copied(&workspace_root(), folder.path()).unwrap();
    let bugs = load_all(&workspace_root().join("tests/bugs/bugs")).unwrap();
    for file in bugs.iter().flat_map(|bug| bug.files()) {
        assert!(folder.path().join(file).exists(), "{file} is not copied");
    }
    for folder in tree.crates() {
        let sources = workspace_root().join(folder).join("src");
        let outside = fs::read_dir(sources).unwrap().filter_map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap_or_default();
            (text.contains("include_str!") || text.contains("include_bytes!")).then_some(path)
        });
        assert_eq!(outside.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new(), "only sources are copied");
    }
    // Cargo itself says whether every path dependency is there and the lock file suffices.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(tree.folder())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
