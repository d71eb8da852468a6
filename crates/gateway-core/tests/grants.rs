//! A grant and a revocation take effect at their own position, on every socket that they concern.

mod support;

use bowline_gateway_core::{Hello, Input, ShardConfig, TopicFilter};
use bowline_proto::CloseCode;
use std::sync::Arc;
use support::{World, topic};

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_grant_adds_a_default_topic_on_every_account_socket_at_its_seq() {
    let mut world = World::new();
    let conns = [world.connect("ann"), world.connect("ann")];
    world.publish("conv:c1");
    let granted = world.grant("ann", "conv:c1");
    let event = world.publish("conv:c1");
    for conn in conns {
        assert_eq!(world.topic_changes(conn), [(names(&["conv:c1"]), vec![], granted)]);
        assert_eq!(world.events(conn), [event]);
    }
}

#[test]
fn inside_one_batch_only_what_lies_behind_the_grant_and_before_the_revocation_is_delivered() {
    let mut world = World::new();
    let conn = world.connect("ann");
    let batch = vec![
        world.log.event("conv:c1"),
        world.log.grant("ann", "conv:c1"),
        world.log.event("conv:c1"),
        world.log.revoke("ann", "conv:c1"),
        world.log.event("conv:c1"),
    ];
    world.show(batch);
    assert_eq!(world.events(conn), [3]);
    let changes = [(names(&["conv:c1"]), vec![], 2), (vec![], names(&["conv:c1"]), 4)];
    assert_eq!(world.topic_changes(conn), changes);
}

#[test]
fn a_path_socket_follows_only_its_own_topics() {
    let mut world = World::new();
    let hello = world.path_hello("ann", "chat:t1");
    let conn = world.open(hello);
    world.grant("ann", "chat:t2");
    world.publish("chat:t2");
    world.publish("user:ann");
    let granted = world.grant("ann", "chat:t1");
    let event = world.publish("chat:t1");
    assert_eq!(world.events(conn), [event]);
    assert_eq!(world.topic_changes(conn), [(names(&["chat:t1"]), vec![], granted)]);
}

#[test]
fn a_path_topic_that_a_claim_opens_needs_no_grant_and_outlives_a_revocation() {
    let mut world = World::new();
    world.grant("ann", "chat:t1");
    let hello = Hello { open: Arc::from([topic("chat:t1")]), ..world.path_hello("ann", "chat:t1") };
    let conn = world.open(hello);
    world.revoke("ann", "chat:t1");
    let event = world.publish("chat:t1");
    assert_eq!(world.events(conn), [event]);
    assert_eq!(world.topic_changes(conn), []);
}

#[test]
fn a_revocation_ends_the_activity_subscription_that_stood_on_the_grant() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let account_socket = world.connect("ann");
    let hello = world.path_hello("ann", "chat:t1");
    let path_socket = world.open(hello);
    for conn in [account_socket, path_socket] {
        assert_eq!(world.subscribe(conn, &["conv_ondemand:c1"]).errors, []);
    }
    let revoked = world.revoke("ann", "conv:c1");
    let both = names(&["conv:c1", "conv_ondemand:c1"]);
    assert_eq!(world.topic_changes(account_socket), [(vec![], both, revoked)]);
    assert_eq!(world.topic_changes(path_socket), [(vec![], names(&["conv_ondemand:c1"]), revoked)]);
    assert_eq!(world.subscribe(path_socket, &["conv_ondemand:c1"]).errors.len(), 1);
}

#[test]
fn a_subscription_that_a_claim_covers_outlives_the_revocation_of_the_grant() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let claims = Arc::from([TopicFilter::Exact(topic("conv_ondemand:c1"))]);
    let hello = Hello { claims, ..world.hello("ann") };
    let conn = world.open(hello);
    world.subscribe(conn, &["conv_ondemand:c1"]);
    let revoked = world.revoke("ann", "conv:c1");
    assert_eq!(world.topic_changes(conn), [(vec![], names(&["conv:c1"]), revoked)]);
}

#[test]
fn a_revocation_ends_a_path_sockets_subscription_to_another_granted_topic() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let hello = world.path_hello("ann", "chat:t1");
    let conn = world.open(hello);
    world.subscribe(conn, &["conv:c1"]);
    let event = world.publish("conv:c1");
    let revoked = world.revoke("ann", "conv:c1");
    world.publish("conv:c1");
    assert_eq!(world.events(conn), [event]);
    assert_eq!(world.topic_changes(conn), [(vec![], names(&["conv:c1"]), revoked)]);
}

#[test]
fn a_blocked_path_socket_reads_the_revocation_of_a_subscribed_topic_at_its_place() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let hello = world.path_hello("ann", "chat:t1");
    let conn = world.open(hello);
    world.subscribe(conn, &["conv:c1", "conv_ondemand:c1"]);
    world.input(Input::Blocked { conn });
    let event = world.publish("conv:c1");
    let revoked = world.revoke("ann", "conv:c1");
    world.publish("conv:c1");
    world.input(Input::Drained { conn });
    assert_eq!(world.events(conn), [event]);
    let removed: Vec<_> = world.topic_changes(conn).into_iter().flat_map(|(_, removed, _)| removed).collect();
    assert_eq!(removed, names(&["conv_ondemand:c1", "conv:c1"]));
    assert!(world.topic_changes(conn).iter().all(|(_, _, at)| *at <= revoked));
}

#[test]
fn an_old_revocation_in_the_replay_leaves_a_later_subscription_alone() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    world.revoke("ann", "conv:c1");
    world.grant("ann", "conv:c1");
    let conn = world.resume("ann", None, 1, &["conv_ondemand:c1"]);
    let changes = world.topic_changes(conn);
    assert_eq!(changes[0], (vec![], names(&["conv:c1"]), 2));
    let bob = world.grant("bob", "conv:c1");
    assert_eq!(bob, 4);
    let bob = world.connect("bob");
    world.say(bob, "c1", bowline_proto::ActivityStatus::Typing);
    assert_eq!(world.signals(conn).len(), 1);
}

#[test]
fn grants_of_ten_thousand_topics_are_followed_and_left() {
    let mut world = World::with(ShardConfig::default());
    let records = (0..10_000).map(|i| world.log.grant("ann", &format!("conv:{i}"))).collect();
    world.show(records);
    let conn = world.connect("ann");
    let event = world.publish("conv:9999");
    assert_eq!(world.events(conn), [event]);
    world.input(Input::Closed { conn });
    assert_eq!(world.core.stats().connections, 0);
    world.publish("conv:9999");
}

#[test]
fn a_grant_that_retention_took_away_while_a_reader_was_behind_is_followed_all_the_same() {
    let mut world = World::with(ShardConfig::default().page(1, 1 << 20));
    world.grant("ann", "conv:c1");
    world.grant("ann", "conv:c2");
    let conn = world.connect("ann");
    world.input(Input::Blocked { conn });
    world.revoke("ann", "conv:c1");
    let before = world.publish("user:ann");
    world.answers = false;
    world.input(Input::Drained { conn });
    world.answer();
    let again = world.grant("ann", "conv:c1");
    let gone = world.revoke("ann", "conv:c2");
    world.log.changes_forgotten = gone;
    world.answers = true;
    world.answer();
    assert!(again < gone);
    assert_eq!(world.topic_changes(conn).last(), Some(&(names(&["conv:c1"]), names(&["conv:c2"]), gone)));
    let event = world.publish("conv:c1");
    world.publish("conv:c2");
    assert_eq!(world.events(conn), [before, event]);
}

#[test]
fn a_grant_met_ahead_of_the_tail_outlives_a_second_catch_up_before_the_tail_brings_it() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.input(Input::Blocked { conn });
    let granted = world.log.grant("ann", "conv:c1");
    world.input(Input::Drained { conn });
    world.input(Input::Blocked { conn });
    world.input(Input::Drained { conn });
    world.show(vec![granted]);
    let event = world.publish("conv:c1");
    assert_eq!(world.events(conn), [event]);
    assert!(world.topic_changes(conn).iter().all(|(_, removed, _)| removed.is_empty()));
}

#[test]
fn a_revocation_that_retention_took_before_the_tail_brought_it_is_not_overtaken() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let conn = world.connect("ann");
    world.input(Input::Blocked { conn });
    let revoked = world.log.revoke("ann", "conv:c1");
    world.log.event("conv:c1");
    world.log.event("user:ann");
    world.log.changes_forgotten = revoked.seq().get();
    // The page is ahead of the tail, and what it does not say about rights, the tail would say too late.
    world.input(Input::Drained { conn });
    assert_eq!(world.closed(conn), Some(CloseCode::DRAINING));
}
