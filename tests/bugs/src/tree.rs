//! Which part of the workspace is copied, and how: the probe and every crate of ours that it needs, without their tests.
//!
//! A file is written only where its content changes, so that the compiler rebuilds what a bug touches and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::bug::{Bug, BugError};

/// The package that runs seeds.
pub(crate) const PROBE: &str = "bowline-bugs-probe";
/// Where it stands, relative to the root.
const PROBE_FOLDER: &str = "tests/bugs/probe";

/// The copy.
#[derive(Clone, Debug)]
pub struct Tree {
    source: PathBuf,
    copy: PathBuf,
    /// The folders of the copied crates, relative to the root.
    crates: Vec<String>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// A file can't be read or written.
    #[error("{path}: {cause}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A manifest is not what it should be.
    #[error("{path}: {cause}")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The bug does not apply.
    #[error(transparent)]
    Bug(#[from] BugError),
}

/// The workspace that this program was built in.
#[must_use]
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Tree {
    /// Copies what the probe needs of the workspace at `source` to `copy`, or brings an earlier copy up to date.
    ///
    /// # Errors
    /// [`TreeError::Io`], [`TreeError::Manifest`].
    pub fn copied(source: &Path, copy: &Path) -> Result<Tree, TreeError> {
        let workspace = manifest(&source.join("Cargo.toml"))?;
        let crates = needed(source, &workspace)?;
        let tree = Tree { source: source.to_owned(), copy: copy.to_owned(), crates };
        write_if_changed(&copy.join("Cargo.toml"), &tree.workspace_manifest(workspace))?;
        let lock = read(&source.join("Cargo.lock"))?;
        // Cargo strikes out of the copy's lock file what the copy does not need; that is no change of ours.
        if !copy.join("Cargo.lock").exists()
            || fs::read(copy.join("Cargo.lock.from")).ok().as_deref() != Some(&lock[..])
        {
            write_if_changed(&copy.join("Cargo.lock"), &lock)?;
            write_if_changed(&copy.join("Cargo.lock.from"), &lock)?;
        }
        for folder in &tree.crates {
            tree.copy_crate(folder)?;
        }
        Ok(tree)
    }

    /// Where the copy is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.copy
    }

    /// The folders of the copied crates, relative to the root.
    #[must_use]
    pub fn crates(&self) -> &[String] {
        &self.crates
    }

    /// Writes the bug into the copy.
    ///
    /// # Errors
    /// [`TreeError::Io`], [`TreeError::Bug`]; nothing has changed then.
    pub fn put_in(&self, bug: &Bug) -> Result<(), TreeError> {
        let mut changed = Vec::new();
        for file in bug.files() {
            let text = read_text(&self.source.join(file))?;
            changed.push((self.copy.join(file), bug.apply(file, &text)?));
        }
        changed.iter().try_for_each(|(path, text)| write_if_changed(path, text.as_bytes()))
    }

    /// Takes it out again.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn take_out(&self, bug: &Bug) -> Result<(), TreeError> {
        bug.files().into_iter().try_for_each(|file| {
            let text = read(&self.source.join(file))?;
            write_if_changed(&self.copy.join(file), &text)
        })
    }

    /// The workspace of the copy: the same dependencies and lints, fewer members, and a profile that builds fast.
    fn workspace_manifest(&self, mut manifest: toml::Table) -> Vec<u8> {
        if let Some(workspace) = manifest.get_mut("workspace").and_then(toml::Value::as_table_mut) {
            workspace.insert("members".into(), self.crates.clone().into());
            workspace.remove("default-members");
        }
        manifest.remove("profile");
        format!("{manifest}\n{PROFILE}").into_bytes()
    }

    fn copy_crate(&self, folder: &str) -> Result<(), TreeError> {
        let path = self.source.join(folder).join("Cargo.toml");
        let mut manifest = manifest(&path)?;
        for unneeded in ["dev-dependencies", "bench", "test", "example"] {
            manifest.remove(unneeded);
        }
        write_if_changed(&self.copy.join(folder).join("Cargo.toml"), manifest.to_string().as_bytes())?;
        let sources = self.copy.join(folder).join("src");
        let mut kept = BTreeSet::new();
        for file in files(&self.source.join(folder).join("src"))? {
            let name = file.strip_prefix(self.source.join(folder).join("src")).unwrap_or(&file).to_owned();
            write_if_changed(&sources.join(&name), &read(&file)?)?;
            kept.insert(name);
        }
        for file in files(&sources)? {
            if !kept.contains(file.strip_prefix(&sources).unwrap_or(&file)) {
                fs::remove_file(&file).map_err(|cause| TreeError::Io { path: file.clone(), cause })?;
            }
        }
        Ok(())
    }
}

/// The folders of the probe and of every crate of the workspace that it depends on, itself or through others.
fn needed(source: &Path, workspace: &toml::Table) -> Result<Vec<String>, TreeError> {
    let shared =
        workspace.get("workspace").and_then(|w| w.get("dependencies")).and_then(toml::Value::as_table);
    let (mut found, mut open) = (Vec::new(), vec![PROBE_FOLDER.to_owned()]);
    while let Some(folder) = open.pop() {
        if found.contains(&folder) {
            continue;
        }
        let manifest = manifest(&source.join(&folder).join("Cargo.toml"))?;
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for (name, dependency) in dependencies.into_iter().flatten() {
            let inherited = shared.and_then(|shared| shared.get(name)).and_then(|d| d.get("path"));
            if let Some(path) = dependency.get("path").and_then(toml::Value::as_str) {
                open.push(joined(&folder, path));
            } else if let Some(path) = inherited.and_then(toml::Value::as_str) {
                open.push(path.to_owned());
            }
        }
        found.push(folder);
    }
    found.sort();
    Ok(found)
}

/// `path`, which starts in `folder`, without its `..`.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, TreeError> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let io = |cause| TreeError::Io { path: folder.clone(), cause };
        for entry in fs::read_dir(&folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}

fn manifest(path: &Path) -> Result<toml::Table, TreeError> {
    let malformed =
        |error: toml::de::Error| TreeError::Manifest { path: path.to_owned(), cause: error.to_string() };
    read_text(path)?.parse().map_err(malformed)
}

fn read(path: &Path) -> Result<Vec<u8>, TreeError> {
    fs::read(path).map_err(|cause| TreeError::Io { path: path.to_owned(), cause })
}

fn read_text(path: &Path) -> Result<String, TreeError> {
    fs::read_to_string(path).map_err(|cause| TreeError::Io { path: path.to_owned(), cause })
}

fn write_if_changed(path: &Path, content: &[u8]) -> Result<(), TreeError> {
    if fs::read(path).is_ok_and(|known| known == content) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .map_err(|cause| TreeError::Io { path: path.to_owned(), cause })
}

/// What changes is compiled quickly and runs at a third of the full speed; what stays is compiled once, for speed.
const PROFILE: &str = r#"
[profile.release]
opt-level = 1
debug = 0
codegen-units = 16
incremental = true

[profile.release.package."*"]
opt-level = 3
"#;
