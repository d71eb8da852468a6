//! The torture at small scale: real processes, killed, silenced and handed over. `bowline-torture` is the full scale.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bowline_torture::{AllRun, HandoverRun, KillRun, Line, all, half_open, handovers, kills};

fn bowline() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bowline"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_event_arrives_once_and_in_order_over_kills_of_gateway_and_listener() {
    let time = Duration::from_secs(8);
    let run = KillRun { time, kills: 3, rate: 400, topics: 20, listeners: 3, kill_listener: true };
    let (broken, summary) = kills(bowline(), run).await.unwrap();
    assert!(broken.is_empty(), "{summary}\n{}", broken.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn constant_handovers_lose_double_reorder_and_show_nothing() {
    let run = HandoverRun {
        time: Duration::from_secs(8),
        every: Duration::from_millis(500),
        rate: 400,
        topics: 20,
        listeners: 3,
    };
    let outcome = handovers(bowline(), run).await.unwrap();
    assert!(outcome.broken.is_empty(), "{}", outcome.broken.join("\n"));
    assert!(outcome.handovers >= 12, "handovers did take place: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_network_is_noticed_within_two_and_a_half_heartbeats_and_ghosts_do_not_lock_their_owner_out()
{
    let outcome = half_open(bowline(), Duration::from_secs(2)).await.unwrap();
    assert!(outcome.broken.is_empty(), "{}", outcome.broken.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_fault_once_breaks_no_promise() {
    let seed = u64::from(std::process::id());
    let run = AllRun { budget: Duration::MAX, seed, rate: 200, first_round: 0, is_smoke: true };
    // What happens is in the output of a failing test.
    let tell = |line: Line<'_>| match line {
        Line::Progress(text) | Line::Broken(text) => println!("{text}"),
    };
    let outcome = all(bowline(), run, tell).await.unwrap();
    for skipped in &outcome.skipped {
        // Past the capture of the test harness: a fault that nobody tried must be seen.
        let _ = writeln!(std::io::stderr(), "torture: SKIPPED: {skipped}");
    }
    assert!(
        outcome.broken.is_empty(),
        "seed {seed}, kept in {:?}:\n{}",
        outcome.kept,
        outcome.broken.join("\n")
    );
    let tally = &outcome.tally;
    for fault in [
        "gateway_kill",
        "listener_kill",
        "gateway_stop",
        "listener_stop",
        "rolling_restart",
        "reset_all",
        "refuse_dials",
        "freeze_all_one_way",
        "freeze_all_both_ways",
        "descriptors",
        "memory",
    ] {
        assert!(tally.faults[fault] > 0, "{fault} was done: {:?}", tally.faults);
    }
    for (fault, skipped) in [
        ("disk_full", "full disk"),
        ("fsync_error", "fsync error"),
        ("fsync_slow", "slow fsync"),
        ("memory_death", "memory death"),
    ] {
        let is_skipped = outcome.skipped.iter().any(|what| what.starts_with(skipped));
        assert!(tally.faults[fault] > 0 || is_skipped, "{fault} was done or said to be impossible");
    }
    assert!(tally.deliveries > 1_000 && tally.acknowledged > 100 && tally.handovers > 0, "{tally:?}");
}
