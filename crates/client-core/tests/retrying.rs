//! One gate for every retry: backoff, jitter, attempts, what servers asked for, and what brings a try forward.

mod support;

use bowline_client_core::{
    ClientConfig, CloseReason, Command, ConnectionState, DialFailure, Input, Layer, Notice, Occasion, Timer,
};
use bowline_proto::{CloseCode, DrainReason, Draining, ServerFrame};
use support::*;

fn refuse_dial(host: &mut Host) {
    let (link, _) = host.dial();
    let failure = DialFailure::Temporary { retry_after: None, message: "down".into() };
    host.input(Input::DialFailed { link, failure });
}

#[test]
fn delays_double_to_the_cap_and_attempts_count_from_one() {
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let mut seen = Vec::new();
    for _ in 0..7 {
        refuse_dial(&mut host);
        seen.extend(host.take().reconnects());
        host.advance_to(Timer::Reconnect);
    }
    let expected = [1, 2, 4, 8, 16, 30, 30].map(s);
    assert_eq!(seen, (1..).zip(expected).collect::<Vec<_>>());
}

#[test]
fn full_jitter_stays_within_the_delay_and_depends_on_the_seed_alone() {
    let delays = |seed| {
        let mut host = Host::seeded(ClientConfig::new(), seed);
        host.command(Command::Connect);
        let mut delays = Vec::new();
        for most in [1, 2, 4, 8, 16, 30, 30] {
            refuse_dial(&mut host);
            let (_, delay) = host.take().reconnects()[0];
            assert!(delay <= s(most));
            delays.push(delay);
            host.advance_to(Timer::Reconnect);
        }
        delays
    };
    assert_eq!(delays(3), delays(3));
    assert_ne!(delays(3), delays(4));
}

#[test]
fn a_lost_link_resumes_from_the_cursor_with_the_topics_that_are_wanted() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.command(Command::Subscribe(topics(&["conv_ondemand:a"])));
    host.event(link, "conv:a", 11, 4);
    host.take();
    host.close(link, 1006);
    let orders = host.take();
    assert_eq!(orders.states(), [ConnectionState::Reconnecting]);
    assert_eq!(orders.reconnects(), [(1, s(1))]);
    host.advance_to(Timer::Reconnect);
    let (link, layer) = host.dial();
    assert_eq!(layer, Layer::Resume);
    host.input(Input::Opened { link });
    let resume = host.take().resume_on(link);
    assert_eq!((resume.session_id, resume.seq), (Some(session("s1")), seq(11)));
    assert_eq!(names(resume.topics), ["conv_ondemand:a"]);
    host.accept(link, resumed_at(11));
    let orders = host.take();
    assert_eq!(orders.states(), [ConnectionState::Connected]);
    assert!(orders.has(|n| matches!(n, Notice::Accepted { occasion: Occasion::Reconnect, .. })));
}

#[test]
fn a_gateway_that_accepts_and_then_closes_meets_growing_delays() {
    let (mut host, mut link) = Host::connected_at(exact(), 1);
    for expected in [1, 2, 4, 8] {
        host.advance(s(9));
        host.close(link, 1011);
        assert_eq!(host.take().reconnects()[0].1, s(expected));
        host.advance_to(Timer::Reconnect);
        link = host.open();
        host.accept(link, resumed_at(1));
    }
    host.advance(s(10));
    host.close(link, 1011);
    assert_eq!(host.take().reconnects(), [(1, s(1))], "it was up for ten seconds");
}

#[test]
fn a_handover_does_not_interrupt_how_long_the_connection_has_been_up() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.close(link, 1006);
    host.advance_to(Timer::Reconnect);
    let link = host.open();
    host.accept(link, resumed_at(1));
    host.advance(s(9));
    let successor = host.successor();
    host.accept(successor, resumed_at(1));
    host.take();
    host.advance(s(1));
    host.close(successor, 1006);
    assert_eq!(host.take().reconnects(), [(1, s(1))]);
}

#[test]
fn as_many_attempts_as_allowed_and_no_more() {
    let mut host = Host::new(exact().max_attempts(3));
    host.command(Command::Connect);
    for _ in 0..3 {
        refuse_dial(&mut host);
        host.advance_to(Timer::Reconnect);
    }
    refuse_dial(&mut host);
    assert!(host.is_closed(&CloseReason::AttemptsExhausted { attempts: 3, last: "down".into() }));
    assert_eq!(host.next_timer(), None);
    host.command(Command::Connect);
    refuse_dial(&mut host);
    assert_eq!(host.take().reconnects().last(), Some(&(1, s(1))), "a new Connect starts over");
}

#[test]
fn the_network_s_return_tries_at_once_but_not_before_what_the_server_asked() {
    for (wish, expected) in [(None, s(0)), (Some(s(20)), s(20))] {
        let (mut host, link) = Host::connected_at(exact().backoff_base(s(25)), 1);
        if wish.is_some() {
            host.frame(link, ServerFrame::Rejected(rejected("RATE_LIMITED", wish)));
        }
        host.close(link, 4009);
        assert_eq!(host.next_timer(), Some((Timer::Reconnect, s(25))));
        host.input(Input::NetworkReturned);
        assert_eq!(host.next_timer(), Some((Timer::Reconnect, expected)));
    }
}

#[test]
fn a_connect_while_a_retry_waits_tries_at_once() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.close(link, 1006);
    host.command(Command::Connect);
    assert_eq!(host.next_timer(), Some((Timer::Reconnect, s(0))));
}

#[test]
fn a_link_that_dies_before_its_draining_slot_is_redialled_in_the_slot() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    let draining = Draining { reason: DrainReason::Shutdown, slot: s(12), deadline: s(60) };
    host.frame(link, ServerFrame::Draining(draining));
    host.close(link, CloseCode::DRAINING.0);
    assert_eq!(host.next_timer(), Some((Timer::Reconnect, s(12))));
}

#[test]
fn a_second_failure_while_a_retry_waits_arms_nothing() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.close(link, 1006);
    host.take();
    host.close(link, 1006);
    host.input(Input::DialFailed { link, failure: DialFailure::Unauthorized });
    host.command(Command::HandOver);
    assert!(host.take().0.is_empty());
    assert_eq!(host.next_timer(), Some((Timer::Reconnect, s(1))));
}
