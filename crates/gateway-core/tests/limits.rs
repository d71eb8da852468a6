//! The rules of a new socket, in their order: identity, proof of a session, limit.

mod support;

use bowline_gateway_core::{Hello, Input, Opening, ShardConfig};
use bowline_proto::{AccountKind, CloseCode, ServerFrame};
use support::{World, secs};

#[test]
fn the_third_socket_of_an_agent_is_told_why_and_closed() {
    let mut world = World::new();
    let first = world.connect("ann");
    let second = world.connect("ann");
    let third = world.connect("ann");
    let frames = world.frames(third);
    let ServerFrame::Rejected(rejected) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!(rejected.reason, "CONNECTION_LIMIT_EXCEEDED");
    assert!(!rejected.message.is_empty());
    assert_eq!(world.closed(third), Some(CloseCode::LIMIT_EXCEEDED));
    assert!(world.is_open(first) && world.is_open(second));
    assert_eq!(world.core.stats().rejected, 1);
    world.input(Input::Closed { conn: first });
    let fourth = world.connect("ann");
    assert!(world.is_accepted(fourth));
}

#[test]
fn kinds_and_paths_have_limits_of_their_own() {
    let config = ShardConfig::default().account_sockets(AccountKind::Human, 3).path_sockets(2);
    let mut world = World::with(config);
    for expected in [true, true, true, false] {
        let hello = Hello { kind: AccountKind::Human, ..world.hello("ann") };
        let conn = world.open(hello);
        assert_eq!(world.is_accepted(conn), expected);
    }
    for expected in [true, true, false] {
        let hello = world.path_hello("ann", "chat:t1");
        let conn = world.open(hello);
        assert_eq!(world.is_accepted(conn), expected);
    }
}

#[test]
fn a_handover_does_not_count_twice_for_its_grace_and_then_the_older_socket_goes() {
    let mut world = World::new();
    let current = world.connect("ann");
    let other = world.connect("ann");
    let session = world.session(current);
    let successor = world.resume("ann", session.clone(), 0, &[]);
    assert!(world.is_accepted(successor));
    assert_eq!(world.session(successor), session);
    assert!(world.is_open(current), "both deliver during a handover");
    world.pass_alive(secs(29), &[current, other, successor]);
    assert!(world.is_open(current));
    world.pass_alive(secs(1), &[current, other, successor]);
    assert_eq!(world.closed(current), Some(CloseCode::SUPERSEDED));
    assert!(world.is_open(successor) && world.is_open(other));
}

#[test]
fn both_sockets_of_a_handover_get_every_event() {
    let mut world = World::new();
    let current = world.connect("ann");
    let session = world.session(current);
    let successor = world.resume("ann", session, 0, &[]);
    let seq = world.publish("user:ann");
    assert_eq!(world.events(current), [seq]);
    assert_eq!(world.events(successor), [seq]);
}

#[test]
fn a_successor_that_never_came_to_life_does_not_cost_the_client_its_link() {
    let mut world = World::new();
    let current = world.connect("ann");
    let session = world.session(current);
    let ghost = world.resume("ann", session, 0, &[]);
    world.pass_alive(secs(30), &[current]);
    assert_eq!(world.closed(ghost), Some(CloseCode::IDLE_TIMEOUT));
    assert!(world.is_open(current));
}

#[test]
fn a_takeover_evicts_the_socket_beyond_the_one_in_handover() {
    let mut world = World::new();
    let first = world.connect("ann");
    let session = world.session(first);
    let second = world.resume("ann", session.clone(), 0, &[]);
    let third = world.resume("ann", session, 0, &[]);
    assert_eq!(world.closed(first), Some(CloseCode::SUPERSEDED));
    assert!(world.is_accepted(third) && world.is_open(second));
    assert_eq!(world.core.stats().superseded, 1);
}

#[test]
fn a_takeover_keeps_the_socket_that_was_heard_last() {
    let mut world = World::new();
    let current = world.connect("ann");
    let session = world.session(current);
    let ghost = world.resume("ann", session.clone(), 0, &[]);
    world.pass(secs(5));
    world.input(Input::Heard { conn: current });
    let successor = world.resume("ann", session, 0, &[]);
    assert_eq!(world.closed(ghost), Some(CloseCode::SUPERSEDED));
    assert!(world.is_open(current) && world.is_accepted(successor));
}

#[test]
fn with_two_ghosts_on_the_account_the_owner_gets_in_at_once() {
    let mut world = World::new();
    let first = world.connect("ann");
    let second = world.connect("ann");
    let session = world.session(second);
    let owner = world.resume("ann", session, 0, &[]);
    assert!(world.is_accepted(owner));
    assert!(world.is_open(first));
}

#[test]
fn somebody_elses_session_proves_nothing_and_looks_like_an_unknown_one() {
    let mut world = World::new();
    let bob = world.connect("bob");
    let session = world.session(bob);
    let ann = world.resume("ann", session.clone(), 0, &[]);
    assert!(world.is_accepted(ann));
    assert_ne!(world.session(ann), session);
    assert!(world.is_open(bob));
    world.connect("ann");
    let third = world.resume("ann", session, 0, &[]);
    assert_eq!(
        world.closed(third),
        Some(CloseCode::LIMIT_EXCEEDED),
        "it gives no room above the limit either"
    );
}

#[test]
fn a_session_of_an_account_socket_is_not_proved_on_a_path_socket() {
    let mut world = World::new();
    let first = world.connect("ann");
    let session = world.session(first);
    let hello = Hello { opening: Opening::Resume, ..world.path_hello("ann", "chat:t1") };
    let path = world.open(hello);
    world.send_resume(path, session.clone(), 0, &[]);
    assert!(world.is_accepted(path));
    assert_ne!(world.session(path), session);
}

#[test]
fn a_session_can_be_proved_for_a_while_after_its_last_socket() {
    let mut world = World::new();
    let first = world.connect("ann");
    let session = world.session(first);
    world.input(Input::Closed { conn: first });
    assert_eq!(world.core.stats().sessions, 1);
    world.pass(secs(119));
    let second = world.resume("ann", session.clone(), 0, &[]);
    assert_eq!(world.session(second), session);
    world.input(Input::Closed { conn: second });
    world.pass(secs(120));
    assert_eq!(world.core.stats().sessions, 0);
    let third = world.resume("ann", session.clone(), 0, &[]);
    assert_ne!(world.session(third), session);
}

#[test]
fn a_session_without_a_socket_does_not_give_room_above_the_limit() {
    let mut world = World::new();
    let first = world.connect("ann");
    let session = world.session(first);
    world.input(Input::Closed { conn: first });
    world.connect("ann");
    world.connect("ann");
    let again = world.resume("ann", session, 0, &[]);
    assert_eq!(world.closed(again), Some(CloseCode::LIMIT_EXCEEDED));
}

#[test]
fn sockets_that_wait_with_their_resume_are_bounded_and_the_oldest_gives_way() {
    let mut world = World::new();
    let waiting: Vec<_> = (0..4).map(|_| world.knock("ann")).collect();
    assert_eq!(world.closed(waiting[0]), Some(CloseCode::IDLE_TIMEOUT));
    assert_eq!(world.closed(waiting[1]), Some(CloseCode::IDLE_TIMEOUT));
    assert!(world.is_open(waiting[2]) && world.is_open(waiting[3]));
}

#[test]
fn sessions_without_a_socket_are_bounded_for_each_account() {
    let mut world = World::new();
    for _ in 0..100 {
        let conn = world.connect("ann");
        world.input(Input::Closed { conn });
    }
    assert_eq!(world.core.stats().sessions, 32);
}
