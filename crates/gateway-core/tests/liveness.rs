//! A socket is pinged every heartbeat and given up when it is silent for too long.

mod support;

use bowline_gateway_core::{Input, ShardConfig};
use bowline_proto::{ClientFrame, CloseCode, DrainReason};
use std::time::Duration;
use support::{World, secs};

#[test]
fn every_socket_is_pinged_every_heartbeat() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.pass_alive(secs(15 * 20), &[conn]);
    assert!((20..=21).contains(&world.pings(conn)), "{}", world.pings(conn));
}

#[test]
fn a_quiet_socket_of_the_resume_layer_is_told_its_position_and_a_plain_one_is_not() {
    let mut world = World::new();
    let plain = world.connect("ann");
    let resumed = world.resume("bob", None, 0, &[]);
    world.publish("conv:elsewhere");
    world.pass_alive(secs(30), &[plain, resumed]);
    assert_eq!(world.pongs(resumed).first(), Some(&1));
    assert!(world.pongs(plain).is_empty());
}

#[test]
fn a_socket_that_gets_events_needs_no_pong() {
    let mut world = World::new();
    let conn = world.resume("ann", None, 0, &[]);
    for _ in 0..60 {
        world.publish("user:ann");
        world.pass_alive(secs(1), &[conn]);
    }
    assert!(world.pongs(conn).is_empty());
}

#[test]
fn a_silent_socket_of_the_resume_layer_is_dead_after_two_and_a_half_heartbeats() {
    let mut world = World::new();
    let conn = world.resume("ann", None, 0, &[]);
    world.pass(Duration::from_millis(37_400));
    assert!(world.is_open(conn));
    world.pass(Duration::from_millis(100));
    assert_eq!(world.closed(conn), Some(CloseCode::IDLE_TIMEOUT));
    assert_eq!(world.core.stats().idle_timeouts, 1);
}

#[test]
fn a_plain_socket_that_never_answered_a_ping_has_more_than_ten_minutes() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.pass(secs(629));
    assert!(world.is_open(conn));
    world.pass(secs(1));
    assert_eq!(world.closed(conn), Some(CloseCode::IDLE_TIMEOUT));
}

#[test]
fn a_plain_socket_that_answers_pings_is_held_to_them() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.pass_alive(secs(60), &[conn]);
    world.pass(secs(38));
    assert_eq!(world.closed(conn), Some(CloseCode::IDLE_TIMEOUT));
}

#[test]
fn a_ghost_frees_its_place_on_the_account() {
    let mut world = World::new();
    let ghosts = [world.resume("ann", None, 0, &[]), world.resume("ann", None, 0, &[])];
    world.pass(Duration::from_millis(37_500));
    assert!(ghosts.iter().all(|ghost| !world.is_open(*ghost)));
    let conn = world.connect("ann");
    assert!(world.is_accepted(conn));
}

#[test]
fn the_end_of_the_maximum_duration_is_announced_and_kept() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.pass_alive(secs(110 * 60 - 1), &[conn]);
    assert!(world.draining(conn).is_empty());
    world.pass_alive(secs(2), &[conn]);
    let told = world.draining(conn);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].reason, told[0].deadline), (DrainReason::MaxDuration, secs(600)));
    assert!(told[0].slot <= told[0].deadline);
    world.pass_alive(secs(10 * 60), &[conn]);
    assert_eq!(world.closed(conn), Some(CloseCode::MAX_DURATION));
    assert_eq!(world.draining(conn).len(), 1);
}

#[test]
fn a_short_maximum_duration_is_announced_at_half_of_it() {
    let mut world = World::with(ShardConfig::default().max_duration(secs(60)));
    let conn = world.connect("ann");
    world.pass_alive(secs(30), &[conn]);
    assert_eq!(world.draining(conn)[0].deadline, secs(30));
}

#[test]
fn sockets_opened_together_are_not_pinged_together() {
    let mut world = World::new();
    for i in 0..100 {
        world.connect(&format!("a{i}"));
    }
    let mut most_at_once = 0;
    let mut before = 0;
    for _ in 0..150 {
        world.pass(Duration::from_millis(100));
        let pings: usize = world.inboxes.keys().map(|conn| world.pings(*conn)).sum();
        most_at_once = most_at_once.max(pings - before);
        before = pings;
    }
    assert_eq!(before, 100);
    assert!(most_at_once <= 4, "{most_at_once}");
}

#[test]
fn progress_of_a_blocked_socket_is_a_proof_of_life_and_it_is_not_pinged() {
    let mut world = World::new();
    let conn = world.resume("ann", None, 0, &[]);
    world.input(Input::Blocked { conn });
    for _ in 0..10 {
        world.pass(secs(10));
        world.input(Input::Progressed { conn });
    }
    assert!(world.is_open(conn));
    assert_eq!(world.pings(conn), 0);
}

#[test]
fn a_timeout_that_comes_early_or_twice_does_nothing() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.frame(conn, ClientFrame::Ping);
    let due = world.core.poll_timeout();
    world.core.handle_timeout(world.now);
    world.core.handle_timeout(world.now);
    assert!(world.core.poll_output().is_none());
    assert_eq!(world.core.poll_timeout(), due);
}
