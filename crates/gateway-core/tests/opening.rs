//! A socket that opens plainly is accepted at the head and is live from there.

mod support;

use bowline_gateway_core::{Hello, Input};
use bowline_proto::{Seq, ServerFrame};
use std::time::Duration;
use support::{Got, World, topic};

#[test]
fn it_is_accepted_at_once_at_the_head_with_all_that_a_client_must_know() {
    let mut world = World::new();
    world.publish("conv:c1");
    let conn = world.connect("ann");
    let accepted = world.accepted(conn);
    assert_eq!(accepted.connection_id.as_deref(), Some("c0"));
    assert!(accepted.session_id.is_some());
    assert!(!accepted.resumed);
    assert_eq!(accepted.epoch, Some(world.log.epoch));
    assert_eq!(accepted.seq, Seq::new(1));
    assert_eq!(accepted.heartbeat, Some(Duration::from_secs(15)));
    assert_eq!(accepted.max_duration, Some(Duration::from_secs(7200)));
    assert!(accepted.can_resume && accepted.can_drain);
    assert_eq!(accepted.gaps, []);
}

#[test]
fn it_gets_its_inbox_and_its_granted_topics_and_nothing_else() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    world.grant("bob", "conv:c2");
    let conn = world.connect("ann");
    let expected = vec![world.publish("conv:c1"), world.publish("user:ann")];
    world.publish("conv:c2");
    world.publish("user:bob");
    assert_eq!(world.events(conn), expected);
}

#[test]
fn records_that_its_position_covers_are_skipped_when_the_tail_brings_them_later() {
    let mut world = World::new();
    let granted = world.log.grant("ann", "conv:c1");
    let covered = world.log.event("conv:c1");
    let conn = world.connect("ann");
    assert_eq!(world.accepted(conn).seq, Seq::new(2));
    let next = world.log.event("conv:c1");
    world.show(vec![granted, covered, next]);
    assert_eq!(world.events(conn), [3]);
    assert_eq!(world.topic_changes(conn), []);
}

#[test]
fn a_grant_that_passed_between_the_hello_and_the_opening_is_not_missed() {
    let mut world = World::new();
    let hello = world.hello("ann");
    world.grant("ann", "conv:c1");
    world.publish("conv:c1");
    let conn = world.open(hello);
    assert_eq!(world.accepted(conn).seq, Seq::new(2));
    assert_eq!(world.publish("conv:c1"), 3);
    assert_eq!(world.events(conn), [3]);
}

#[test]
fn a_hello_too_old_for_what_is_remembered_is_made_up_from_the_log() {
    let mut world = World::new();
    let hello = world.hello("ann");
    world.log.grant("ann", "conv:c1");
    world.log.event("conv:c1");
    let upto = world.log.head();
    world.input(Input::TailSkipped { upto });
    let conn = world.open(hello);
    assert_eq!(world.accepted(conn).seq, Some(Seq::ZERO));
    assert_eq!(world.events(conn), [2]);
    assert_eq!(world.topic_changes(conn), [(vec!["conv:c1".to_owned()], vec![], 1)]);
    world.publish("conv:c1");
    assert_eq!(world.events(conn), [2, 3]);
    assert_eq!(world.subscribe(conn, &["conv_ondemand:c1"]).subscribed, [topic("conv_ondemand:c1")]);
}

#[test]
fn a_second_socket_of_an_account_knows_the_grants_of_now_even_with_an_old_hello() {
    let mut world = World::new();
    let first = world.connect("ann");
    let old = world.hello("ann");
    world.grant("ann", "conv:c1");
    let second = world.open(Hello { grants: vec![], ..old });
    world.publish("conv:c1");
    assert_eq!(world.events(first), [2]);
    assert_eq!(world.events(second), [2]);
}

#[test]
fn facts_about_an_earlier_tenant_of_a_slot_are_ignored() {
    let mut world = World::new();
    let earlier = world.connect("ann");
    world.input(Input::Closed { conn: earlier });
    let later = world.connect("bob");
    assert_eq!(earlier.slot, later.slot);
    world.core.handle(world.now, Input::Closed { conn: earlier });
    world.publish("user:bob");
    assert_eq!(world.events(later), [1]);
}

#[test]
fn a_ping_is_answered_with_the_position() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.publish("conv:elsewhere");
    world.frame(conn, bowline_proto::ClientFrame::Ping);
    assert_eq!(world.inboxes[&conn].last(), Some(&Got::Frame(ServerFrame::Pong { seq: Seq::new(1) })));
}
