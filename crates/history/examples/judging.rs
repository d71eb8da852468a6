//! What a check costs: a long run of one log, everything handed to every reader.
//!
//! `cargo run --release -p bowline-history --example judging -- 100000 50` checks 100,000 events handed to 50 readers each.

use std::time::Instant;

use bowline_history::{Attempt, Digest, History, Reader, Seen, Truth, check};
use bowline_proto::{Account, Epoch, GrantScope, LoggedEvent, Record, Seq, Topic};

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u64>().expect("a number"));
    let (events, readers) = (args.next().unwrap_or(100_000), args.next().unwrap_or(50));
    let epoch = Epoch::from_bits(1);
    let topics: Vec<Topic> =
        (0..TOPICS).map(|n| Topic::new(&format!("torture:t{n}")).expect("a topic")).collect();
    let mut history = History::default();
    let mut records = Vec::new();
    let mut heads = vec![Seq::ZERO; topics.len()];
    for n in 0..events {
        let (seq, which) = (Seq::new(n + 1).expect("a seq"), (n % TOPICS) as usize);
        let payload = format!("{{\"n\":{n},\"at\":1767225600000000}}");
        let topic = topics[which].clone();
        let entry = Attempt::Event { topic: topic.clone(), payload: Digest::of(payload.as_bytes()) };
        history.attempt((0, n), vec![entry]);
        history.answered((0, n), &[seq]);
        let prev = std::mem::replace(&mut heads[which], seq);
        let text = format!(
            "{{\"type\":\"torture.event\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"topic\":\"{topic}\",\"seq\":{seq},\"prev\":{prev},\"payload\":{payload}}}"
        );
        records.push(Record::Event(LoggedEvent { seq, prev, topic, text: text.into() }));
    }
    for n in 0..readers {
        let account = Account::new(&format!("listener-{n}")).expect("an account");
        let mut reader = Reader::new(account, GrantScope::All, topics.clone());
        let moment = bowline_history::Moment::default();
        reader.items.push(Seen::Based { epoch, seq: Seq::ZERO, from_oldest: false, moment });
        reader.items.extend(records.iter().filter_map(|record| match record {
            Record::Event(event) => {
                let (topic, seq, text) = (event.topic.clone(), event.seq, Digest::of(&event.text));
                Some(Seen::Event { epoch, topic, seq, text })
            }
            Record::Granted { .. } | Record::Revoked { .. } => None,
        }));
        history.readers.push(reader);
    }
    history.truth = Truth::of_log(epoch, Seq::new(1).expect("a seq"), records);
    println!("{} deliveries; {}; an item has {} bytes", events * readers, memory(), size_of::<Seen>());
    let began = Instant::now();
    let found = check(&history);
    let took = began.elapsed();
    let each = took.as_secs_f64() * 1e9 / (events * readers).max(1) as f64;
    println!(
        "checked in {:.2} s, {each:.0} ns each, {} findings; {}",
        took.as_secs_f64(),
        found.len(),
        memory()
    );
}

/// What the process takes and has taken at most, where the system says so.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

const TOPICS: u64 = 20;
