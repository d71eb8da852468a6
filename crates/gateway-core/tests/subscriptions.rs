//! What a client may subscribe to, and what it is told.

mod support;

use bowline_gateway_core::{ConnId, Hello, Input, ShardConfig};
use bowline_proto::{ClientFrame, RefusalCode, Seq, ServerFrame, Topic};
use support::{World, asked, claim, topic};

#[test]
fn each_topic_of_a_list_is_taken_or_refused_by_name() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let hello = Hello { claims: claim("chat:"), ..world.hello("ann") };
    let conn = world.open(hello);
    let ack = world.subscribe(
        conn,
        &["conv_ondemand:c1", "chat:t1", "conv:c1", "conv:c2", "conv_ondemand:c2", "nonsense", "chat:t1"],
    );
    assert_eq!(ack.subscribed, ["conv_ondemand:c1", "chat:t1", "conv:c1"].map(topic));
    let errors: Vec<_> = ack.errors.iter().map(|e| (e.topic.as_str(), e.code.clone())).collect();
    assert_eq!(
        errors,
        [
            ("conv:c2", RefusalCode::Forbidden),
            ("conv_ondemand:c2", RefusalCode::Forbidden),
            ("nonsense", RefusalCode::InvalidTopic)
        ]
    );
    assert_eq!(ack.seq, Seq::new(1));
}

#[test]
fn a_claimed_topic_is_delivered_from_the_ack_on() {
    let mut world = World::new();
    let hello = Hello { claims: claim("chat:"), ..world.hello("ann") };
    let conn = world.open(hello);
    world.publish("chat:t1");
    assert_eq!(world.subscribe(conn, &["chat:t1"]).seq, Seq::new(1));
    assert_eq!(world.publish("chat:t1"), 2);
    assert_eq!(world.events(conn), [2]);
}

#[test]
fn a_claim_on_the_conversation_opens_its_activity() {
    let mut world = World::new();
    let hello = Hello { claims: claim("conv:"), ..world.hello("ann") };
    let conn = world.open(hello);
    assert_eq!(world.subscribe(conn, &["conv_ondemand:c1"]).errors, []);
}

#[test]
fn a_subscription_during_a_replay_takes_effect_at_the_readers_position() {
    let mut world = World::with(ShardConfig::default().page(1, 1 << 20));
    for name in ["user:ann", "chat:t1", "user:ann", "chat:t1"] {
        world.publish(name);
    }
    world.answers = false;
    let hello = Hello {
        claims: claim("chat:"),
        opening: bowline_gateway_core::Opening::Resume,
        ..world.hello("ann")
    };
    let conn = world.open(hello);
    world.send_resume(conn, None, 0, &[]);
    world.answer();
    assert_eq!(world.subscribe(conn, &["chat:t1"]).seq, Seq::new(1));
    world.answers = true;
    world.answer();
    assert_eq!(world.events(conn), [1, 2, 3, 4], "the page on its way answered the old question");
}

#[test]
fn an_unsubscribed_topic_is_not_delivered_any_more_also_in_a_replay() {
    let mut world = World::new();
    let hello = Hello { claims: claim("chat:"), ..world.hello("ann") };
    let conn = world.open(hello);
    world.subscribe(conn, &["chat:t1", "chat:t2"]);
    world.input(Input::Blocked { conn });
    world.publish("chat:t1");
    world.publish("chat:t2");
    world.frame(conn, ClientFrame::Unsubscribe { topics: asked(&["chat:t1", "user:ann", "chat:t9"]) });
    world.input(Input::Drained { conn });
    assert_eq!(world.events(conn), [2]);
    let unsubscribed = world.frames(conn).into_iter().find_map(|frame| match frame {
        ServerFrame::UnsubscribeAck { unsubscribed } => Some(unsubscribed),
        _ => None,
    });
    assert_eq!(unsubscribed, Some(vec![topic("chat:t1"), topic("chat:t9")]), "default topics stay");
    assert_eq!(world.publish("user:ann"), 3);
    assert_eq!(world.events(conn), [2, 3]);
}

#[test]
fn subscriptions_are_limited_and_an_unsubscribe_makes_room() {
    let mut world = World::with(ShardConfig::default().subscriptions(2));
    let hello = Hello { claims: claim("chat:"), ..world.hello("ann") };
    let conn = world.open(hello);
    let ack = world.subscribe(conn, &["chat:1", "chat:2", "chat:3", "conv:x"]);
    assert_eq!(ack.subscribed.len(), 2);
    let codes: Vec<_> = ack.errors.into_iter().map(|e| e.code).collect();
    assert_eq!(codes, [RefusalCode::LimitExceeded, RefusalCode::Forbidden]);
    world.frame(conn, ClientFrame::Unsubscribe { topics: asked(&["chat:1"]) });
    assert_eq!(world.subscribe(conn, &["chat:3"]).subscribed, [topic("chat:3")]);
}

#[test]
fn somebody_elses_inbox_is_forbidden() {
    let mut world = World::new();
    let conn = world.connect("ann");
    let ack = world.subscribe(conn, &["user:bob", "notifications:bob"]);
    assert_eq!(ack.subscribed, Vec::<Topic>::new());
    assert_eq!(ack.errors.len(), 2);
}

#[test]
fn a_grant_that_is_known_ahead_of_the_tail_opens_nothing_that_came_before_it() {
    let mut world = World::new();
    let hello = world.path_hello("ann", "chat:t1");
    let first = world.open(hello);
    let before = world.log.event("conv:c1");
    let grant = world.log.grant("ann", "conv:c1");
    // Another socket brings what the log says of its account's grants.
    let hello = world.path_hello("ann", "chat:t1");
    world.open(hello);
    let ack = world.subscribe(first, &["conv:c1"]);
    assert_eq!(ack.subscribed, [topic("conv:c1")]);
    world.show(vec![before, grant]);
    let seq = world.publish("conv:c1");
    assert_eq!(world.events(first), [seq]);
}

#[test]
fn what_is_followed_is_not_refused_because_its_revocation_is_known_ahead_of_the_tail() {
    let mut world = World::new();
    let grant = world.log.grant("ann", "conv:c1");
    let hello = world.path_hello("ann", "chat:t1");
    let first = world.open(hello);
    world.subscribe(first, &["conv:c1"]);
    let event = world.log.event("conv:c1");
    let revocation = world.log.revoke("ann", "conv:c1");
    // Another socket brings what the log says of its account's grants.
    let hello = world.path_hello("ann", "chat:t1");
    world.open(hello);
    let ack = world.subscribe(first, &["conv:c1"]);
    assert_eq!((ack.subscribed, ack.errors), (vec![topic("conv:c1")], vec![]));
    world.show(vec![grant, event, revocation]);
    world.publish("conv:c1");
    assert_eq!(world.events(first), [2]);
    assert_eq!(world.topic_changes(first), [(vec![], vec!["conv:c1".to_owned()], 3)]);
}

#[test]
fn a_page_that_was_asked_for_before_a_late_revocation_ended_a_subscription_brings_nothing_of_it() {
    let mut world = World::with(ShardConfig::default().page(1, 1 << 20));
    let grant = world.log.grant("ann", "conv:c1");
    world.show(vec![grant]);
    let hello = world.path_hello("ann", "chat:t1");
    let conn = world.open(hello);
    world.subscribe(conn, &["conv:c1"]);
    let unshown = [world.log.revoke("ann", "conv:c1"), world.log.grant("ann", "conv:c1")];
    world.log.event("conv:c1");
    world.log.event("conv:c1");

    // Each page takes the reader one record further, ahead of the tail.
    read_a_page(&mut world, conn);
    assert_eq!(world.topic_changes(conn), [(vec![], vec!["conv:c1".to_owned()], 2)]);
    // The tail has not brought the revocation, so the subscription stands until it does.
    assert_eq!(world.subscribe(conn, &["conv:c1"]).subscribed, [topic("conv:c1")]);
    read_a_page(&mut world, conn);
    read_a_page(&mut world, conn);
    assert_eq!(world.events(conn), [4]);

    world.answers = false;
    read_a_page(&mut world, conn);
    world.show(unshown.to_vec());
    assert_eq!(world.topic_changes(conn).last(), Some(&(vec![], vec!["conv:c1".to_owned()], 4)));
    while !world.reads.is_empty() {
        world.answer();
    }
    assert_eq!(world.events(conn), [4], "told to be over, and delivered");
}

/// A blocked reader that drains reads from the log what it lacks.
fn read_a_page(world: &mut World, conn: ConnId) {
    world.input(Input::Blocked { conn });
    world.input(Input::Drained { conn });
}
