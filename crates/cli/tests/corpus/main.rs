//! Every case of `tests/corpus/data` has the outcome that it asks for. A failure names the file and the line.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod arguments;
mod case;
mod configs;
#[path = "../../src/cursor_file.rs"]
#[allow(dead_code, reason = "the command's own module, of which the reading is judged")]
mod cursor_file;
mod cursor_files;
#[path = "../../src/failure.rs"]
mod failure;
#[path = "../../../proto/tests/vectors/outcome.rs"]
mod frames;
mod gateway;
mod handshakes;
mod requests;
mod tickets;
mod tokens;
mod topics;
mod wire;
mod ws_frames;

use case::{Cases, Failures};
use gateway::World;

#[test]
fn every_case_of_the_corpus_has_its_outcome() {
    let mut failures = Failures::default();
    let mut total = 0;
    let mut run = |file: &str, judge: &mut dyn FnMut(&serde_json::Value) -> Result<(), String>| {
        let started = std::time::Instant::now();
        let cases = Cases::read(file);
        for (line, case) in cases.iter() {
            failures.note(file, line, case, judge(case));
        }
        println!("{:5}  {file}  {} ms", cases.len(), started.elapsed().as_millis());
        total += cases.len();
    };
    run("topics.ndjson", &mut topics::judge);
    for file in ["client_frames.ndjson", "server_frames.ndjson"] {
        run(file, &mut |case| case::same(&frames::of(case), &case["expect"]));
    }
    run("tokens.ndjson", &mut tokens::judge);
    run("tickets.ndjson", &mut tickets::judge);
    run("configs.ndjson", &mut configs::judge);
    let dir = tempfile::tempdir().unwrap();
    run("cursor_files.ndjson", &mut |case| cursor_files::judge(dir.path(), case));
    let empty = tempfile::tempdir().unwrap();
    run("arguments.ndjson", &mut |case| arguments::judge(empty.path(), case));
    let mut world = World::start();
    run("ws_frames.ndjson", &mut |case| ws_frames::judge(&mut world, case));
    run("handshakes.ndjson", &mut |case| handshakes::judge(&mut world, case));
    let mut api = requests::Api::of(&world);
    run("requests.ndjson", &mut |case| api.judge(case));
    println!("{total:5}  in all");
    assert!(total >= 1500, "the corpus has shrunk to {total} cases");
    failures.end();
}
