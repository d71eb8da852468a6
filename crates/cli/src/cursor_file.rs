//! Where `listen` stopped, kept so that a `kill -9` between two system calls costs nothing.
//!
//! Two places can know it: the cursor file, saved after each write to stdout, and stdout itself when it is a regular
//! file (`>> events.ndjson`): its last whole line is then the truth, and a line torn by a full disk is cut off.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bowline::SavedPosition;
use bowline_proto::{Cursor, Seq, SessionId};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The file's content. The session id is a secret, so only the owner may read the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    epoch: Option<String>,
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
}

/// The cursor file of one `listen`.
pub(crate) struct CursorFile {
    path: PathBuf,
    beside: PathBuf,
}

impl CursorFile {
    pub(crate) fn at(path: &Path) -> Self {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        CursorFile { path: path.to_path_buf(), beside: beside.into() }
    }

    /// Where to go on; `None` when the file does not exist yet.
    pub(crate) fn load(&self) -> Result<Option<SavedPosition>, Failure> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::new(format!("can't read {}: {error}", self.path.display()))),
        };
        let damaged = |why: String| {
            Failure::new(format!("{} is not a cursor file: {why}", self.path.display())).hint(
                "remove it to start from now, or remove it and pass --from-oldest to get everything retained",
            )
        };
        // serde would take a list for the members in their order.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(damaged("it is no JSON object".into()));
        }
        let saved: Saved = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let seq = Seq::new(saved.seq).ok_or_else(|| damaged("seq is above 2^53".into()))?;
        let cursor = match saved.epoch {
            Some(epoch) => Some(Cursor {
                epoch: epoch.parse().map_err(|_| damaged("epoch is not 16 hex digits".into()))?,
                seq,
            }),
            None if seq == Seq::ZERO => None,
            // From now on, in silence, would be a hole that nobody hears of.
            None => return Err(damaged("it has a seq without its epoch".into())),
        };
        let session_id = saved.session_id.as_deref().and_then(SessionId::new);
        Ok(Some(SavedPosition { session_id, cursor }))
    }

    /// Replaces the file in one step: a reader, and a killed writer, see the old or the new one.
    pub(crate) fn save(&self, position: &SavedPosition) -> Result<(), Failure> {
        let saved = Saved {
            epoch: position.cursor.map(|c| c.epoch.to_string()),
            seq: position.cursor.map_or(0, |c| c.seq.get()),
            session_id: position.session_id.as_ref().map(|s| s.reveal().to_string()),
        };
        let text = serde_json::to_string(&saved).expect("a position serializes") + "\n";
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.beside)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&self.beside, &self.path));
        written.map_err(|error| {
            Failure::new(format!("can't save the cursor in {}: {error}", self.path.display()))
        })
    }
}

/// Moves `position` to the last whole line of stdout when that is a regular file that got further, and cuts off a torn
/// line behind it.
pub(crate) fn settle_with_stdout(position: &mut SavedPosition) -> Result<(), Failure> {
    let Ok(mut file) = fs::OpenOptions::new().read(true).write(true).open("/proc/self/fd/1") else {
        return Ok(());
    };
    match file.metadata() {
        Ok(meta) if meta.is_file() => {}
        _ => return Ok(()),
    }
    let failed =
        |error: std::io::Error| Failure::new(format!("can't read back what stdout's file holds: {error}"));
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let (line, whole) = last_line(&mut file, length).map_err(failed)?;
    if whole < length {
        file.set_len(whole).map_err(failed)?;
    }
    #[derive(Deserialize)]
    struct Printed {
        seq: Option<u64>,
    }
    let printed = serde_json::from_slice::<Printed>(&line).ok().and_then(|p| p.seq).and_then(Seq::new);
    if let (Some(seq), Some(cursor)) = (printed, position.cursor.as_mut()) {
        cursor.seq = cursor.seq.max(seq);
    }
    Ok(())
}

/// The last line that ends in a newline and carries a seq is within the last 4 MiB; and the length up to its newline.
fn last_line(file: &mut fs::File, length: u64) -> std::io::Result<(Vec<u8>, u64)> {
    const WINDOW: u64 = 4 * 1024 * 1024;
    let start = length.saturating_sub(WINDOW);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(WINDOW).read_to_end(&mut tail)?;
    let Some(end) = tail.iter().rposition(|b| *b == b'\n') else {
        return Ok((Vec::new(), if start == 0 { 0 } else { length }));
    };
    let with_seq = tail[..end].rsplit(|b| *b == b'\n').find(|line| line.windows(6).any(|w| w == b"\"seq\":"));
    Ok((with_seq.unwrap_or_default().to_vec(), start + end as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_position_is_loaded_again_and_a_missing_file_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = CursorFile::at(&dir.path().join("cursor"));
        assert_eq!(file.load().unwrap(), None);
        let position = SavedPosition {
            session_id: SessionId::new("abc"),
            cursor: Some(Cursor { epoch: "00000000000000ff".parse().unwrap(), seq: Seq::new(7).unwrap() }),
        };
        file.save(&position).unwrap();
        assert_eq!(file.load().unwrap(), Some(position));
    }

    #[test]
    fn a_damaged_cursor_file_is_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cursor");
        fs::write(&path, "{\"epoch\":\"xyz\",\"seq\":1}").unwrap();
        let failure = CursorFile::at(&path).load().unwrap_err().to_string();
        assert!(failure.contains("is not a cursor file: epoch"), "{failure}");
        assert!(path.exists());
    }

    #[test]
    fn the_last_whole_line_with_a_seq_counts_and_a_torn_one_is_cut() {
        let mut file = tempfile::tempfile().unwrap();
        let text = b"{\"seq\":5}\n{\"type\":\"activity.status\"}\n{\"se";
        file.write_all(text).unwrap();
        let (line, whole) = last_line(&mut file, text.len() as u64).unwrap();
        assert_eq!(line, b"{\"seq\":5}");
        assert_eq!(whole, text.len() as u64 - 4);
    }
}
