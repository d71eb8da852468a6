//! The import law of ARCHITECTURE.md, read off the manifests and the `use` lines.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Who may depend on which Bowline crate. Tests (dev-dependencies) are free.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("client-core", &["bowline-proto"]),
    ("gateway-core", &["bowline-proto"]),
    ("log", &["bowline-proto"]),
    ("client", &["bowline-proto", "bowline-client-core"]),
    ("gateway", &["bowline-proto", "bowline-gateway-core", "bowline-log"]),
    ("cli", &["bowline-proto", "bowline", "bowline-gateway", "bowline-log"]),
    ("history", &["bowline-proto"]),
    (
        "sim",
        &["bowline-proto", "bowline-client-core", "bowline-gateway-core", "bowline-log", "bowline-history"],
    ),
];

/// Crates without I/O, clocks, threads and randomness, and what they must not name.
const PURE: &[&str] = &["proto", "client-core", "gateway-core"];
const BANNED_IN_PURE: &[&str] = &[
    "tokio",
    "futures",
    "async fn",
    "std::net",
    "std::fs",
    "std::thread",
    "std::env",
    "std::io",
    "Instant",
    "SystemTime",
    "rand::",
    "getrandom",
    "Mutex",
    "RwLock",
    "thread_local",
    "println!",
    "eprintln!",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no sources below {}", dir.display());
    found
}

/// A file's code: without comments, without text literals' contents mattering, and without its test module.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    shipped.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_crate_imports_only_what_the_law_allows() {
    for (name, allowed) in MAY_IMPORT {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let dependencies =
            manifest.get("dependencies").and_then(|d| d.as_table()).cloned().unwrap_or_default();
        for dependency in dependencies.keys().filter(|d| d.starts_with("bowline")) {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
    let crates: BTreeSet<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let lawful: BTreeSet<String> = MAY_IMPORT.iter().map(|(name, _)| (*name).to_string()).collect();
    assert_eq!(crates, lawful, "a crate came or went: say in the law what it may import");
}

#[test]
fn the_cores_and_proto_have_no_io_no_clock_and_no_randomness() {
    for name in PURE {
        for path in sources(&root().join("crates").join(name).join("src")) {
            let code = code(&path);
            for banned in BANNED_IN_PURE {
                let hit =
                    code.lines().find(|line| line.contains(banned) && !line.trim_start().starts_with('"'));
                assert!(hit.is_none(), "{} names {banned}: {}", path.display(), hit.unwrap_or_default());
            }
        }
    }
}

#[test]
fn lib_files_only_declare_and_reexport() {
    for (name, _) in MAY_IMPORT {
        let lib = root().join("crates").join(name).join("src/lib.rs");
        if !lib.exists() {
            continue;
        }
        for item in ["fn ", "struct ", "enum ", "impl ", "trait ", "const ", "static ", "macro_rules"] {
            let hit = code(&lib)
                .lines()
                .find(|l| l.trim_start().trim_start_matches("pub ").starts_with(item))
                .map(str::to_owned);
            assert!(hit.is_none(), "{}: {}", lib.display(), hit.unwrap_or_default());
        }
    }
}

#[test]
fn the_modules_of_a_crate_have_no_import_cycle() {
    let mut found = Vec::new();
    for (name, _) in MAY_IMPORT {
        let src = root().join("crates").join(name).join("src");
        let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for path in sources(&src) {
            let module = module_of(path.strip_prefix(&src).unwrap());
            if matches!(module.as_str(), "lib" | "main") {
                continue;
            }
            let targets = imports.entry(module.clone()).or_default();
            for piece in code(&path).split("crate::").skip(1) {
                let target: String =
                    piece.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if target != module && target.starts_with(|c: char| c.is_ascii_lowercase()) {
                    targets.insert(target);
                }
            }
        }
        let mut done = BTreeSet::new();
        for module in imports.keys() {
            walk(module, &imports, &mut Vec::new(), &mut done, &mut |cycle| {
                found.push(format!("{name}: {cycle}"))
            });
        }
    }
    assert!(found.is_empty(), "import cycles:\n{}", found.join("\n"));
}

#[test]
fn every_statement_of_the_seed_documents_names_a_test_that_exists() {
    let text = fs::read_to_string(root().join("docs/seeds.md")).unwrap();
    let rows: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with('|') && !l.starts_with("|--") && !l.contains("| test"))
        .collect();
    assert!(rows.len() > 60, "docs/seeds.md has only {} rows", rows.len());
    for row in rows {
        let tests = |ending: &str| -> Vec<(String, String)> {
            let quoted = row.split('`').skip(1).step_by(2);
            let named = quoted.filter_map(|text| text.split_once(&format!("{ending}::")));
            named.map(|(file, name)| (format!("{file}{ending}"), name.to_owned())).collect()
        };
        let (rust, javascript) = (tests(".rs"), tests(".test.js"));
        assert!(!rust.is_empty(), "no Rust test proves: {row}");
        assert!(!javascript.is_empty(), "no JavaScript test proves: {row}");
        for (file, name) in rust.iter().chain(&javascript) {
            let source =
                fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}; in {row}"));
            let head = if file.ends_with(".rs") { format!("fn {name}(") } else { format!("('{name}'") };
            assert!(source.contains(&head), "{file} has no test {name}: {row}");
        }
    }
}

/// The top-level module that a source file belongs to.
fn module_of(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_string()
}

fn walk(
    module: &str,
    imports: &BTreeMap<String, BTreeSet<String>>,
    trail: &mut Vec<String>,
    done: &mut BTreeSet<String>,
    report: &mut dyn FnMut(String),
) {
    if let Some(start) = trail.iter().position(|m| m == module) {
        return report(format!("{} -> {module}", trail[start..].join(" -> ")));
    }
    if done.contains(module) {
        return;
    }
    trail.push(module.to_string());
    for next in imports.get(module).into_iter().flatten() {
        walk(next, imports, trail, done, report);
    }
    trail.pop();
    done.insert(module.to_string());
}
