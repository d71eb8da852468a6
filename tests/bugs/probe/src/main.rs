//! Runs seeds in order until one breaks a rule, for `bowline-bugs`, which builds this with a bug in the cores.
//!
//! It says each seed before it runs it, so that whoever listens knows which one panicked or never ended.

use std::env;
use std::process::ExitCode;

use bowline_sim::{Trace, run};

fn main() -> ExitCode {
    let bounds: Vec<u64> = env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [from, to] = bounds[..] else {
        eprintln!("usage: bowline-bugs-probe FROM TO   (seeds, both included)");
        return ExitCode::from(2);
    };
    for seed in from..=to {
        println!("seed {seed}");
        if let Some(first) = run(seed, Trace::hashing()).violations.first() {
            println!("broken {}: {}", first.rule, first.detail.replace('\n', " "));
            return ExitCode::FAILURE;
        }
    }
    println!("clean");
    ExitCode::SUCCESS
}
