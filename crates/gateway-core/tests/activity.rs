//! A status is a lease of 8 s that the followers of its conversation hear of.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use bowline_gateway_core::{ConnId, Hello, Input, ShardConfig, Shared};
use bowline_proto::{ActivityStatus, Timestamp};
use serde_json::Value;
use support::{World, account, secs};

fn world_of_three() -> (World, ConnId, ConnId) {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    world.grant("bob", "conv:c1");
    let (ann, bob) = (world.connect("ann"), world.connect("bob"));
    world.subscribe(bob, &["conv_ondemand:c1"]);
    (world, ann, bob)
}

fn statuses(world: &World, conn: ConnId) -> Vec<String> {
    let payload = |text: &String| serde_json::from_str::<Value>(text).unwrap()["payload"].clone();
    let of = |payload: Value| {
        format!("{} {}", payload["userId"].as_str().unwrap(), payload["status"].as_str().unwrap())
    };
    world.signals(conn).iter().map(payload).map(of).collect()
}

#[test]
fn a_follower_hears_the_status_in_the_frame_of_the_protocol() {
    let mut world = World::with(ShardConfig::default().wall_origin(Timestamp(1_795_309_323_456)));
    world.grant("ann\"", "conv:c\"1");
    let ann = world.connect("ann\"");
    let other = world.connect("ann\"");
    world.subscribe(other, &["conv_ondemand:c\"1"]);
    world.say(ann, "c\"1", ActivityStatus::ToolCalling);
    let frame: Value = serde_json::from_str(&world.signals(other)[0]).unwrap();
    assert_eq!(frame["type"], "activity.status");
    assert_eq!(frame["timestamp"], "2026-11-22T01:02:03.456Z");
    assert_eq!(frame["topic"], "conv_ondemand:c\"1");
    let payload = serde_json::json!({"conversationId": "c\"1", "userId": "ann\"", "status": "tool_calling"});
    assert_eq!(frame["payload"], payload);
    assert_eq!(frame.get("seq"), None);
}

#[test]
fn a_status_that_is_not_renewed_lapses_after_eight_seconds() {
    let (mut world, ann, bob) = world_of_three();
    world.say(ann, "c1", ActivityStatus::Typing);
    world.pass(secs(7));
    assert_eq!(statuses(&world, bob), ["ann typing"]);
    world.pass(secs(1));
    assert_eq!(statuses(&world, bob), ["ann typing", "ann idle"]);
}

#[test]
fn renewals_are_sent_on_as_often_as_receivers_need_them() {
    let (mut world, ann, bob) = world_of_three();
    for _ in 0..20 {
        world.say(ann, "c1", ActivityStatus::Thinking);
        world.pass(secs(1));
    }
    assert_eq!(statuses(&world, bob).len(), 10);
    assert!(statuses(&world, bob).iter().all(|status| status == "ann thinking"));
    world.say(ann, "c1", ActivityStatus::Idle);
    world.say(ann, "c1", ActivityStatus::Idle);
    assert_eq!(statuses(&world, bob)[10..], ["ann idle"]);
}

#[test]
fn the_socket_that_said_it_hears_no_echo_but_the_accounts_other_sockets_hear_it() {
    let (mut world, ann, _) = world_of_three();
    let second = world.connect("ann");
    world.subscribe(ann, &["conv_ondemand:c1"]);
    world.subscribe(second, &["conv_ondemand:c1"]);
    world.say(ann, "c1", ActivityStatus::Typing);
    assert!(world.signals(ann).is_empty());
    assert_eq!(statuses(&world, second), ["ann typing"]);
}

#[test]
fn a_late_subscriber_gets_the_current_statuses_right_after_its_ack() {
    let (mut world, ann, _) = world_of_three();
    world.grant("eve", "conv:c1");
    world.say(ann, "c1", ActivityStatus::Typing);
    let eve = world.connect("eve");
    world.subscribe(eve, &["conv_ondemand:c1"]);
    assert_eq!(statuses(&world, eve), ["ann typing"]);
    let session = world.session(eve);
    let head = world.log.head().get();
    let successor = world.resume("eve", session, head, &["conv_ondemand:c1"]);
    assert_eq!(statuses(&world, successor), ["ann typing"]);
}

#[test]
fn a_status_that_has_lapsed_is_told_to_no_late_subscriber_though_its_timer_is_late() {
    let (mut world, ann, bob) = world_of_three();
    world.say(ann, "c1", ActivityStatus::Typing);
    world.grant("eve", "conv:c1");
    let eve = world.connect("eve");
    let on_time = world.now;
    world.now = world.now + secs(8);
    world.subscribe(eve, &["conv_ondemand:c1"]);
    assert!(statuses(&world, eve).is_empty());
    world.now = on_time;
    world.pass(secs(8));
    assert_eq!(statuses(&world, eve), ["ann idle"]);
    assert_eq!(statuses(&world, bob), ["ann typing", "ann idle"]);
}

#[test]
fn a_follower_that_catches_up_hears_the_end_of_a_status() {
    let mut world = World::with(ShardConfig::default().page(2, 1 << 20));
    world.grant("ann", "conv:c1");
    let start = world.grant("bob", "conv:c1");
    for _ in 0..5 {
        world.publish("conv:c1");
    }
    let ann = world.connect("ann");
    world.say(ann, "c1", ActivityStatus::Typing);
    world.answers = false;
    let bob = world.resume("bob", None, start, &["conv_ondemand:c1"]);
    world.answer();
    assert_eq!(statuses(&world, bob), ["ann typing"]);
    world.say(ann, "c1", ActivityStatus::Idle);
    assert_eq!(world.events(bob).len(), 2, "the rest is still to be read");
    assert_eq!(statuses(&world, bob), ["ann typing", "ann idle"]);
}

#[test]
fn a_status_ends_with_the_accounts_last_socket() {
    let (mut world, ann, bob) = world_of_three();
    let second = world.connect("ann");
    world.say(ann, "c1", ActivityStatus::Typing);
    world.input(Input::Closed { conn: ann });
    assert_eq!(statuses(&world, bob), ["ann typing"]);
    world.input(Input::Closed { conn: second });
    assert_eq!(statuses(&world, bob), ["ann typing", "ann idle"]);
    assert!(matches!(world.shared.last(), Some(Shared::Activity { status: ActivityStatus::Idle, .. })));
    world.pass(secs(20));
    assert_eq!(statuses(&world, bob).len(), 2);
}

#[test]
fn what_is_said_here_is_shared_and_what_was_shared_is_not_shared_again() {
    let (mut world, ann, bob) = world_of_three();
    world.say(ann, "c1", ActivityStatus::Typing);
    assert_eq!(world.shared.len(), 1);
    let shared = Shared::Activity {
        conversation_id: "c1".into(),
        account: account("far"),
        status: ActivityStatus::Thinking,
        at: Timestamp(5),
    };
    world.input(Input::Shared(shared));
    assert_eq!(world.shared.len(), 1);
    assert_eq!(statuses(&world, bob), ["ann typing", "far thinking"]);
    world.pass(secs(8));
    assert_eq!(statuses(&world, bob)[2..], ["ann idle", "far idle"]);
    assert_eq!(world.shared.len(), 1, "every shard lets its leases lapse by itself");
}

#[test]
fn an_ephemeral_publish_reaches_the_live_followers_of_its_topic() {
    let (mut world, ann, bob) = world_of_three();
    let topic = support::topic("conv:c1");
    world.input(Input::Blocked { conn: ann });
    world.input(Input::Shared(Shared::Signal { topic, text: "{}".into() }));
    assert_eq!(world.signals(bob), ["{}"]);
    assert!(world.signals(ann).is_empty());
}

#[test]
fn who_has_no_right_to_the_conversation_is_refused() {
    let (mut world, _, bob) = world_of_three();
    let eve = world.connect("eve");
    world.say(eve, "c1", ActivityStatus::Typing);
    world.say(eve, "", ActivityStatus::Typing);
    assert_eq!(world.errors(eve), ["FORBIDDEN", "INVALID_TOPIC"]);
    assert!(world.signals(bob).is_empty());
    let claims = support::claim("conv:");
    let hello = Hello { claims, ..world.hello("eve") };
    let claimed = world.open(hello);
    world.say(claimed, "c1", ActivityStatus::Typing);
    assert_eq!(statuses(&world, bob), ["eve typing"]);
}

#[test]
fn an_account_is_active_in_a_bounded_number_of_conversations() {
    let mut world = World::with(ShardConfig::default().activities(2));
    let hello = Hello { claims: support::claim("conv:"), ..world.hello("ann") };
    let ann = world.open(hello);
    for conversation in ["a", "b", "c"] {
        world.say(ann, conversation, ActivityStatus::Typing);
    }
    assert_eq!(world.errors(ann), ["LIMIT_EXCEEDED"]);
    world.say(ann, "a", ActivityStatus::Idle);
    world.say(ann, "c", ActivityStatus::Typing);
    assert_eq!(world.errors(ann).len(), 1);
    world.pass(secs(8));
    for conversation in ["d", "e"] {
        world.say(ann, conversation, ActivityStatus::Typing);
    }
    assert_eq!(world.errors(ann).len(), 1, "what lapsed makes room");
}
