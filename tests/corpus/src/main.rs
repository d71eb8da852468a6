//! Writes the files of the corpus anew: `cargo run -p bowline-corpus`.

use std::fs;
use std::io;
use std::path::Path;

use bowline_corpus::KINDS;

fn main() -> io::Result<()> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let mut total = 0;
    for kind in KINDS {
        let cases = (kind.cases)();
        fs::write(data.join(kind.file), kind.text())?;
        println!("{:5}  {}", cases.len(), kind.file);
        total += cases.len();
    }
    println!("{total:5}  in all");
    Ok(())
}
