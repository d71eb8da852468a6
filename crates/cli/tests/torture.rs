//! The torture at small scale: real processes, killed, silenced and handed over. `bowline-torture` is the full scale.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::path::Path;
use std::time::Duration;

use bowline_torture::{HandoverRun, KillRun, half_open, handovers, kills};

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
