//! A socket that blocks rereads from the log when it drains: it costs no memory and loses nothing.

mod support;

use bowline_gateway_core::{Input, ShardConfig};
use bowline_proto::{ClientFrame, CloseCode};
use support::{World, asked, secs};

#[test]
fn a_blocked_socket_gets_nothing_until_it_drains_and_then_everything_once() {
    let mut world = World::with(ShardConfig::default().page(2, 1 << 20));
    let conn = world.connect("ann");
    world.publish("user:ann");
    world.input(Input::Blocked { conn });
    let missed: Vec<u64> = (0..5).map(|_| world.publish("user:ann")).collect();
    assert_eq!(world.events(conn), [1]);
    assert_eq!(world.reads.len(), 0);
    world.input(Input::Drained { conn });
    assert_eq!(world.events(conn)[1..], missed);
    world.publish("user:ann");
    assert_eq!(world.events(conn).len(), 7);
    assert_eq!(world.core.stats().live, 1);
}

#[test]
fn a_page_that_comes_for_a_socket_which_has_blocked_is_read_again_later() {
    let mut world = World::with(ShardConfig::default().page(2, 1 << 20));
    for _ in 0..5 {
        world.publish("user:ann");
    }
    world.answers = false;
    let conn = world.resume("ann", None, 0, &[]);
    world.answer();
    world.input(Input::Blocked { conn });
    world.answer();
    assert_eq!(world.events(conn), [1, 2]);
    assert!(world.reads.is_empty(), "a blocked socket reads nothing");
    world.answers = true;
    world.input(Input::Drained { conn });
    assert_eq!(world.events(conn), [1, 2, 3, 4, 5]);
}

#[test]
fn no_progress_for_the_write_timeout_ends_the_socket() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.input(Input::Blocked { conn });
    world.pass(secs(20));
    world.input(Input::Progressed { conn });
    world.pass(secs(29));
    assert!(world.is_open(conn));
    world.pass(secs(1));
    assert_eq!(world.closed(conn), Some(CloseCode::SLOW_CONSUMER));
    assert_eq!(world.core.stats().slow_consumers, 1);
}

#[test]
fn a_blocked_socket_is_owed_one_pong_and_a_few_answers() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.input(Input::Blocked { conn });
    for _ in 0..50 {
        world.frame(conn, ClientFrame::Ping);
    }
    assert!(world.pongs(conn).is_empty());
    world.input(Input::Drained { conn });
    assert_eq!(world.pongs(conn), [0]);
}

#[test]
fn who_asks_on_and_on_without_reading_the_answers_is_closed() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.input(Input::Blocked { conn });
    for _ in 0..33 {
        if world.is_open(conn) {
            world.frame(conn, ClientFrame::Subscribe { topics: asked(&["conv:x"]) });
        }
    }
    assert_eq!(world.closed(conn), Some(CloseCode::SLOW_CONSUMER));
}

#[test]
fn a_skipped_tail_is_read_from_the_log_by_everybody() {
    let mut world = World::new();
    world.grant("bob", "conv:c1");
    let ann = world.connect("ann");
    let bob = world.connect("bob");
    world.log.event("user:ann");
    world.log.revoke("bob", "conv:c1");
    world.log.event("conv:c1");
    let upto = world.log.head();
    world.input(Input::TailSkipped { upto });
    assert_eq!(world.events(ann), [2]);
    assert!(world.events(bob).is_empty());
    assert_eq!(world.topic_changes(bob), [(vec![], vec!["conv:c1".to_owned()], 3)]);
    let refused = world.subscribe(bob, &["conv_ondemand:c1"]);
    assert_eq!(refused.errors.len(), 1);
    world.publish("user:ann");
    assert_eq!(world.events(ann), [2, 5]);
    assert_eq!(world.core.stats().live, 2);
}

#[test]
fn after_a_skipped_tail_a_path_socket_that_asks_by_grant_comes_back_with_its_grants_of_now() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let hello = world.path_hello("ann", "chat:t1");
    let asks = world.open(hello);
    let hello = world.path_hello("ann", "chat:t1");
    let follows = world.open(hello);
    world.subscribe(follows, &["conv_ondemand:c1"]);
    world.log.event("chat:t1");
    let upto = world.log.head();
    world.input(Input::TailSkipped { upto });
    assert_eq!(world.closed(follows), Some(CloseCode::DRAINING));
    assert!(world.is_open(asks));
    world.frame(asks, ClientFrame::Subscribe { topics: asked(&["conv_ondemand:c1"]) });
    assert_eq!(world.closed(asks), Some(CloseCode::DRAINING));
}

#[test]
fn the_pong_of_a_reader_that_catches_up_says_its_own_position() {
    let mut world = World::with(ShardConfig::default().page(1, 1 << 20));
    for _ in 0..3 {
        world.publish("user:ann");
    }
    world.answers = false;
    let conn = world.resume("ann", None, 0, &[]);
    world.answer();
    world.frame(conn, ClientFrame::Ping);
    assert_eq!(world.pongs(conn), [1]);
}
