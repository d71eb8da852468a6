//! How the command ends that was given these arguments, and what it says on stderr.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

pub(crate) fn judge(dir: &Path, case: &Value) -> Result<(), String> {
    let dir = dir.to_str().expect("a path in UTF-8");
    let arguments = case["arguments"].as_array().unwrap().iter();
    let output = Command::new(env!("CARGO_BIN_EXE_bowline"))
        .args(arguments.map(|argument| argument.as_str().unwrap().replace("{dir}", dir)))
        .env_remove("BOWLINE_URL")
        .env_remove("BOWLINE_TOKEN")
        .env_remove("BOWLINE_DATA_DIR")
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let expect = &case["expect"];
    if output.status.code().map(i64::from) != expect["exit"].as_i64() {
        return Err(format!("expected {}, got {}: {said}", expect["exit"], output.status));
    }
    match expect["told"].as_array().unwrap().iter().find(|part| !said.contains(part.as_str().unwrap())) {
        Some(untold) => Err(format!("it should say {untold}, but says {said}")),
        None if said.contains("panicked") => Err(format!("it panicked: {said}")),
        None => Ok(()),
    }
}
