//! The committed files are what the program makes of the rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bowline_corpus::KINDS;

#[test]
fn the_committed_files_are_what_the_rules_make() {
    for kind in KINDS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(kind.file);
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == kind.text(),
            "{} is not what the rules make: `cargo run -p bowline-corpus`",
            kind.file
        );
    }
}

#[test]
fn no_two_cases_of_a_kind_share_a_name() {
    for kind in KINDS {
        let mut names = BTreeSet::new();
        for case in (kind.cases)() {
            assert!(names.insert(case.name().to_owned()), "{}: two cases {:?}", kind.file, case.name());
        }
    }
}

#[test]
fn the_program_that_makes_the_cases_knows_no_code_of_ours() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap_or_default();
    let (_, dependencies) = manifest.split_once("[dependencies]").unwrap_or_default();
    assert!(!dependencies.is_empty() && !dependencies.contains("bowline"), "{dependencies}");
}
