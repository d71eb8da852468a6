//! A bad peer becomes orders: told, then closed.

mod support;

use bowline_gateway_core::{Input, ShardConfig};
use bowline_proto::{ActivityStatus, ClientFrame, CloseCode};
use support::{World, secs};

#[test]
fn the_fifth_bad_frame_closes_the_socket() {
    let mut world = World::new();
    let conn = world.connect("ann");
    for _ in 0..4 {
        world.input(Input::BadFrame { conn, why: "not JSON".to_owned() });
    }
    assert!(world.is_open(conn));
    world.input(Input::BadFrame { conn, why: "not JSON".to_owned() });
    assert_eq!(world.errors(conn), ["BAD_FRAME"; 5]);
    assert_eq!(world.closed(conn), Some(CloseCode::BAD_FRAME));
}

#[test]
fn an_action_of_a_later_version_is_ignored() {
    let mut world = World::new();
    let conn = world.connect("ann");
    for _ in 0..50 {
        world.frame(conn, ClientFrame::Unknown);
    }
    assert!(world.errors(conn).is_empty());
    assert!(world.is_open(conn));
}

#[test]
fn frames_above_the_rate_are_dropped_and_told_once() {
    let mut world = World::with(ShardConfig::default().frame_rate(10, 20));
    let conn = world.connect("ann");
    for _ in 0..30 {
        world.frame(conn, ClientFrame::Ping);
    }
    assert_eq!(world.pongs(conn).len(), 20);
    assert_eq!(world.errors(conn), ["RATE_LIMITED"]);
    world.pass(secs(3));
    world.frame(conn, ClientFrame::Ping);
    assert_eq!(world.pongs(conn).len(), 21);
}

#[test]
fn who_stays_above_the_rate_may_come_back_and_who_floods_may_not() {
    let mut world = World::with(ShardConfig::default().frame_rate(10, 20));
    let eager = world.connect("ann");
    for _ in 0..10 {
        for _ in 0..20 {
            if world.is_open(eager) {
                world.frame(eager, ClientFrame::Ping);
            }
        }
        world.pass(secs(1));
    }
    assert_eq!(world.closed(eager), Some(CloseCode::RATE_LIMITED));
    let flood = world.connect("ann");
    for _ in 0..201 {
        world.frame(flood, ClientFrame::Ping);
    }
    assert_eq!(world.closed(flood), Some(CloseCode::ABUSE));
}

#[test]
fn a_status_of_any_length_is_not_passed_on() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let conn = world.connect("ann");
    world.say(conn, "c1", ActivityStatus::Other("x".repeat(60_000).into()));
    assert_eq!(world.errors(conn), ["BAD_FRAME"]);
    assert!(world.shared.is_empty());
}
