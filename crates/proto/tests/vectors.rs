//! The shared vectors: every decoder, in whatever language, gives these outcomes.

#![cfg(feature = "json")]

#[path = "vectors/outcome.rs"]
mod outcome;

use serde_json::Value;

const FRAMES: &str = include_str!("vectors/frames.json");

#[test]
fn every_vector_has_its_outcome() {
    let file: Value = serde_json::from_str(FRAMES).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= 150, "{}", cases.len());
    for case in cases {
        assert_eq!(outcome::of(case), case["expect"], "{}", case["name"]);
    }
}

#[test]
fn no_two_vectors_share_a_name() {
    let file: Value = serde_json::from_str(FRAMES).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let names: std::collections::BTreeSet<&str> =
        cases.iter().map(|case| case["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), cases.len());
}
