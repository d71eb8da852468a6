//! Where a cursor file says to go on, or that it is none.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::case::{bytes, same};
use crate::cursor_file::CursorFile;

pub(crate) fn judge(dir: &Path, case: &Value) -> Result<(), String> {
    let path = dir.join("cursor");
    let text = bytes(&case["text"]);
    fs::write(&path, &text).unwrap();
    let seen = match CursorFile::at(&path).load() {
        Ok(Some(position)) => {
            let mut seen = match position.cursor {
                Some(cursor) => json!({"epoch": cursor.epoch.to_string(), "seq": cursor.seq.get()}),
                None => json!({"start": true}),
            };
            if let Some(session) = position.session_id {
                seen["sessionId"] = session.reveal().into();
            }
            seen
        }
        Ok(None) => json!({"missing": true}),
        Err(failure) if !failure.to_string().contains("cursor") => json!({"untold": failure.to_string()}),
        Err(_) => json!({"damaged": true}),
    };
    if fs::read(&path).unwrap() != text {
        return Err("the file was changed by reading it".to_owned());
    }
    same(&seen, &case["expect"])
}
