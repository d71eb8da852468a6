//! Everybody leaves: each in its own slot, and by the deadline at the latest.

mod support;

use bowline_gateway_core::Input;
use bowline_proto::{CloseCode, DrainReason, Epoch, Seq};
use support::{World, account, secs};

#[test]
fn each_socket_gets_its_own_slot_inside_the_window_and_is_closed_at_its_end() {
    let mut world = World::new();
    let conns: Vec<_> = (0..10).map(|i| world.resume(&format!("a{i}"), None, 0, &[])).collect();
    world.input(Input::DrainStarted { window: secs(20) });
    let mut slots = Vec::new();
    for conn in &conns {
        let told = world.draining(*conn);
        assert_eq!((told.len(), told[0].reason, told[0].deadline), (1, DrainReason::Shutdown, secs(20)));
        slots.push(told[0].slot);
    }
    slots.sort_unstable();
    slots.dedup();
    assert_eq!(slots.len(), 10);
    assert!(slots[9] < secs(15));
    assert!(slots.windows(2).all(|pair| pair[1] - pair[0] == secs(15) / 10));
    world.pass(secs(20));
    assert!(conns.iter().all(|conn| world.closed(*conn) == Some(CloseCode::DRAINING)));
    assert_eq!(world.core.stats().connections, 0);
}

#[test]
fn new_sockets_and_sockets_that_are_not_accepted_yet_are_sent_elsewhere() {
    let mut world = World::new();
    let waiting = world.knock("ann");
    world.input(Input::DrainStarted { window: secs(20) });
    assert_eq!(world.closed(waiting), Some(CloseCode::DRAINING));
    let late = world.connect("ann");
    assert_eq!(world.closed(late), Some(CloseCode::DRAINING));
    assert!(!world.is_accepted(late));
}

#[test]
fn events_flow_until_the_socket_leaves() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.input(Input::DrainStarted { window: secs(20) });
    world.pass(secs(19));
    world.publish("user:ann");
    assert_eq!(world.events(conn), [1]);
}

#[test]
fn a_second_drain_can_only_shorten_the_first() {
    let mut world = World::new();
    let conn = world.connect("ann");
    world.input(Input::DrainStarted { window: secs(20) });
    world.input(Input::DrainStarted { window: secs(60) });
    assert_eq!(world.draining(conn).len(), 1);
    world.input(Input::DrainStarted { window: secs(5) });
    assert_eq!(world.draining(conn)[1].deadline, secs(5));
    world.pass(secs(5));
    assert_eq!(world.closed(conn), Some(CloseCode::DRAINING));
}

#[test]
fn the_operator_disconnects_an_account_and_its_sessions_prove_nothing_any_more() {
    let mut world = World::new();
    let (ann, bob) = (world.connect("ann"), world.connect("bob"));
    let gone = world.connect("ann");
    let sessions = [world.session(ann), world.session(gone)];
    world.input(Input::Closed { conn: gone });
    world.input(Input::Disconnect { account: account("ann") });
    assert_eq!(world.closed(ann), Some(CloseCode::DISCONNECTED));
    assert!(world.is_open(bob));
    assert_eq!(world.core.stats().sessions, 1);
    for session in sessions {
        let again = world.resume("ann", session.clone(), 0, &[]);
        assert_ne!(world.session(again), session);
    }
}

#[test]
fn a_reopened_log_sends_everybody_to_resume_against_it() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    world.publish("conv:c1");
    let conn = world.connect("ann");
    let session = world.session(conn);
    let epoch = Epoch::from_bits(8);
    world.log.records.truncate(1);
    world.log.epoch = epoch;
    world.input(Input::LogReopened { epoch, head: world.log.head() });
    assert_eq!(world.closed(conn), Some(CloseCode::DRAINING));
    let again = world.resume("ann", session.clone(), 1, &[]);
    let accepted = world.accepted(again);
    assert_eq!((accepted.epoch, accepted.seq, accepted.session_id), (Some(epoch), Seq::new(1), session));
    assert_eq!(world.publish("conv:c1"), 2);
    assert_eq!(world.events(again), [2]);
}
