//! What a seeded bug is, and when it still applies: each of its texts stands exactly once in the file that it names.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One deliberate mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bug {
    /// The name of its file, without the extension.
    pub name: String,
    /// The crate that it is in: the name of its file's folder.
    pub area: String,
    /// What goes wrong, in one sentence.
    pub breaks: String,
    /// The promise that does not hold any more (wire protocol, section 7, or a rule of the gateway).
    pub promise: String,
    /// What is written in place of what.
    pub edits: Vec<Edit>,
}

/// One change of one file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Relative to the root of the workspace.
    pub file: String,
    /// Stands exactly once in the file.
    pub from: String,
    /// Takes its place.
    pub to: String,
}

/// Why a bug can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BugError {
    /// A file or folder of bugs can't be read.
    #[error("{path}: {cause}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A bug's file is not what it should be.
    #[error("{path}: {cause}")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The sources have moved on.
    #[error("{bug}: `from` stands {times} times in {file}, not once:\n{from}")]
    DoesNotApply {
        /// Which bug.
        bug: String,
        /// In which file.
        file: String,
        /// How often the text was found.
        times: usize,
        /// The text.
        from: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    breaks: String,
    promise: String,
    edit: Vec<Edit>,
}

impl Bug {
    /// Its area and name.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.area, self.name)
    }

    /// The file's text with this bug's edits of it.
    ///
    /// # Errors
    /// [`BugError::DoesNotApply`].
    pub fn apply(&self, file: &str, text: &str) -> Result<String, BugError> {
        let mut text = text.to_owned();
        for edit in self.edits.iter().filter(|edit| edit.file == file) {
            let times = text.matches(&edit.from).count();
            if times != 1 {
                let (bug, file, from) = (self.name.clone(), file.to_owned(), edit.from.clone());
                return Err(BugError::DoesNotApply { bug, file, times, from });
            }
            text = text.replacen(&edit.from, &edit.to, 1);
        }
        Ok(text)
    }

    /// The files that it changes, each once.
    #[must_use]
    pub fn files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = self.edits.iter().map(|edit| edit.file.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    fn read(path: &Path, area: &str) -> Result<Bug, BugError> {
        let text = fs::read_to_string(path).map_err(|cause| unreadable(path, cause))?;
        let malformed = |cause: String| BugError::Malformed { path: path.to_owned(), cause };
        let written: Written = toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        if written.edit.iter().any(|edit| edit.from.is_empty() || edit.from == edit.to) {
            return Err(malformed("an edit must change something".to_owned()));
        }
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = stem.ok_or_else(|| malformed("a bug's file has a name".to_owned()))?;
        let Written { breaks, promise, edit } = written;
        Ok(Bug { name, area: area.to_owned(), breaks, promise, edits: edit })
    }
}

/// All bugs below `folder`, which has one folder for each crate, by area and name.
///
/// # Errors
/// [`BugError::Unreadable`], [`BugError::Malformed`].
pub fn load_all(folder: &Path) -> Result<Vec<Bug>, BugError> {
    let mut bugs = Vec::new();
    for area in entries(folder)? {
        let name = area.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for file in entries(&area)? {
            bugs.push(Bug::read(&file, &name)?);
        }
    }
    Ok(bugs)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, BugError> {
    let listed = fs::read_dir(folder).map_err(|cause| unreadable(folder, cause))?;
    let mut found = Vec::new();
    for entry in listed {
        found.push(entry.map_err(|cause| unreadable(folder, cause))?.path());
    }
    found.sort();
    Ok(found)
}

fn unreadable(path: &Path, cause: std::io::Error) -> BugError {
    BugError::Unreadable { path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_stands_twice_or_never_does_not_apply() {
        let edit = Edit { file: "a.rs".into(), from: "x > y".into(), to: "x >= y".into() };
        let bug = Bug {
            name: "b".into(),
            area: "log".into(),
            breaks: String::new(),
            promise: String::new(),
            edits: vec![edit],
        };
        assert_eq!(bug.apply("a.rs", "if x > y {}").unwrap(), "if x >= y {}");
        assert_eq!(bug.apply("other.rs", "x > y, x > y").unwrap(), "x > y, x > y");
        for (text, expected) in [("x < y", 0), ("x > y or x > y", 2)] {
            let refused = bug.apply("a.rs", text);
            assert!(
                matches!(refused, Err(BugError::DoesNotApply { times, .. }) if times == expected),
                "{text}"
            );
        }
    }
}
