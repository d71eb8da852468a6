//! Which code is tortured: figures of unknown code prove nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::gateway::{TortureError, error};
use crate::tally::TALLY;

/// Where the sources are that this program was built from.
#[must_use]
pub fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// The commit that `repository` is at now, with `-dirty` when a file differs from it. What runs have noted in the tally is no
/// difference.
///
/// # Errors
/// When git does not say.
pub fn commit_of(repository: &Path) -> Result<String, TortureError> {
    let head = git(repository, &["rev-parse", "--short=12", "HEAD"])?;
    let but_the_tally = format!(":(exclude){TALLY}");
    let changes = git(repository, &["status", "--porcelain", "--", ".", &but_the_tally])?;
    Ok(if changes.is_empty() { head } else { format!("{head}-dirty") })
}

fn git(repository: &Path, args: &[&str]) -> Result<String, TortureError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(args)
        .output()
        .map_err(|e| error(format!("the commit is not known: no git: {e}")))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if !output.status.success() {
        return Err(error(format!("the commit is not known: {}", said(&output.stderr))));
    }
    Ok(said(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_change_of_the_code_makes_a_commit_dirty_and_a_noted_run_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        git(dir.path(), &["init", "--quiet"]).unwrap();
        write("code.rs", "fn one() {}");
        git(dir.path(), &["add", "."]).unwrap();
        let me =
            ["-c", "user.name=torture", "-c", "user.email=torture@localhost", "-c", "commit.gpgsign=false"];
        git(dir.path(), &[&me[..], &["commit", "--quiet", "-m", "one"]].concat()).unwrap();
        let clean = commit_of(dir.path()).unwrap();
        assert!(clean.len() >= 12 && clean.chars().all(|c| c.is_ascii_hexdigit()), "{clean}");
        write(TALLY, "{}");
        assert_eq!(commit_of(dir.path()).unwrap(), clean);
        write("code.rs", "fn two() {}");
        assert_eq!(commit_of(dir.path()).unwrap(), format!("{clean}-dirty"));
    }

    #[test]
    fn without_a_repository_the_commit_is_not_made_up() {
        let dir = tempfile::tempdir().unwrap();
        let why = commit_of(&dir.path().join("gone")).unwrap_err().to_string();
        assert!(why.starts_with("the commit is not known"), "{why}");
    }
}
