//! What a fuzzer has found worth keeping, run through its target as a plain test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use bowline_fuzz_targets::TARGETS;

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_target_holds_over_its_corpus() {
    thread::scope(|scope| {
        for (name, target) in TARGETS {
            scope.spawn(move || {
                let inputs = files(&here("corpus").join(name));
                assert!(inputs.len() > 10, "{name}: hardly any corpus");
                for input in inputs {
                    // The path of the input that fails stands above the panic.
                    let _named = Named(&input);
                    target(&fs::read(&input).unwrap());
                }
            });
        }
    });
}

/// Says which input was under way when its target panicked.
struct Named<'a>(&'a Path);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("failed over {}", self.0.display());
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_is_fuzzed() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let corpora: BTreeSet<String> = files(&here("corpus"))
        .iter()
        .map(|dir| dir.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(corpora, names);
    let fuzzed: BTreeSet<String> = files(&here("../../fuzz/fuzz_targets"))
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(fuzzed, names);
    let manifest = fs::read_to_string(here("../../fuzz/Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml builds no {name}");
    }
}
