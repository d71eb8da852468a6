//! A successor takes over while the current link goes on; the application sees nothing of it.

mod support;

use bowline_client_core::{
    ClientConfig, Command, ConnectionState, DialFailure, Input, Notice, Occasion, RenewAfter, Timer,
};
use bowline_proto::{Accepted, DrainReason, Draining, ServerFrame};
use support::*;

/// Lets time pass on a link that is heard every ten seconds.
fn live_on(host: &mut Host, link: bowline_client_core::LinkId, mut by: core::time::Duration) {
    while !by.is_zero() {
        let step = by.min(s(10));
        host.advance(step);
        host.input(Input::Heard { link });
        by -= step;
    }
}

#[test]
fn events_flow_through_a_handover_once_and_in_order() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    host.event(old, "conv:a", 11, 0);
    let new = host.successor();
    assert_eq!(host.take().resume_on(new).seq, seq(11));
    host.event(old, "conv:a", 12, 11);
    host.accept(new, resumed_at(11));
    let orders = host.take();
    assert!(orders.closes(old));
    assert!(orders.states().is_empty());
    assert!(orders.has(|n| matches!(n, Notice::Accepted { occasion: Occasion::Handover, .. })));
    host.event(new, "conv:a", 12, 11);
    host.event(old, "conv:a", 13, 12);
    host.event(new, "conv:a", 13, 12);
    host.event(new, "conv:a", 14, 13);
    host.event(old, "conv:a", 14, 13);
    host.close(old, 1000);
    host.event(new, "conv:a", 15, 14);
    let orders = host.take();
    assert_eq!(orders.delivered(), [13, 14, 15], "12 came before the accept");
    assert!(orders.states().is_empty());
}

#[test]
fn a_successor_whose_start_lies_behind_the_cursor_moves_nothing_back() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.event(old, "conv:a", 20, 0);
    host.accept(new, resumed_at(10));
    assert_eq!(host.cursor(), Some((EPOCH, 20)));
    host.take();
    for (n, prev) in [(15, 0), (20, 15), (21, 20)] {
        host.event(new, "conv:b", n, prev);
    }
    assert_eq!(host.take().delivered(), [21]);
}

#[test]
fn positions_and_gaps_that_both_links_tell_are_told_once() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.accept(new, Accepted { gaps: vec![gap("conv:a", 10, 20)], ..resumed_at(10) });
    host.frame(old, ServerFrame::Gap(gap("conv:a", 10, 20)));
    host.frame(new, ServerFrame::Gap(gap("conv:a", 10, 20)));
    assert_eq!(host.take().gaps().len(), 1);
    let granted = || ServerFrame::Topics { added: topics(&["conv:n"]), removed: vec![], seq: seq(30) };
    host.frame(old, granted());
    host.frame(new, granted());
    let orders = host.take();
    assert_eq!(orders.notices().iter().filter(|n| matches!(n, Notice::TopicsChanged { .. })).count(), 1);
}

#[test]
fn the_timer_starts_it_at_the_age_that_the_caller_fixed() {
    let (mut host, link) = Host::connected_at(exact().renew_after(RenewAfter::Exactly(s(600))), 1);
    live_on(&mut host, link, s(599));
    assert_eq!(host.take().fetches(), 0);
    live_on(&mut host, link, s(1));
    let orders = host.take();
    assert_eq!(orders.fetches(), 1);
    assert!(orders.has(|n| *n == Notice::HandoverStarted));
}

#[test]
fn the_default_is_110_minutes_and_up_to_a_twentieth_earlier() {
    let mut seen = Vec::new();
    for seed in 0..20 {
        let mut host = Host::seeded(ClientConfig::new().keepalive(s(1_000_000)), seed);
        host.command(Command::Connect);
        let link = host.open();
        host.accept(link, Accepted::default());
        let (timer, at) = host.next_timer().expect("a handover is planned");
        assert_eq!(timer, Timer::HandOver);
        assert!(at <= s(6600) && at >= s(6270), "{at:?}");
        seen.push(at);
    }
    seen.dedup();
    assert!(seen.len() > 10, "a fleet does not move in step");
}

#[test]
fn never_means_only_when_somebody_asks() {
    let (mut host, link) = Host::connected_at(exact().renew_after(RenewAfter::Never), 1);
    live_on(&mut host, link, s(8000));
    assert_eq!(host.take().fetches(), 0);
    host.command(Command::HandOver);
    assert_eq!(host.take().fetches(), 1);
    host.command(Command::HandOver);
    assert_eq!(host.take().fetches(), 0, "one successor at a time");
}

#[test]
fn a_draining_gateway_is_left_in_the_assigned_slot() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.advance(s(2));
    let draining = Draining { reason: DrainReason::Shutdown, slot: s(12), deadline: s(60) };
    host.frame(link, ServerFrame::Draining(draining));
    live_on(&mut host, link, ms(11_999));
    assert_eq!(host.take().fetches(), 0);
    live_on(&mut host, link, ms(1));
    assert_eq!(host.take().fetches(), 1);
}

#[test]
fn gateways_that_all_drain_do_not_pass_a_client_around_without_pause() {
    let draining =
        || ServerFrame::Draining(Draining { reason: DrainReason::Rebalance, slot: s(0), deadline: s(60) });
    let (mut host, mut link) = Host::connected_at(exact(), 1);
    for _ in 0..5 {
        host.frame(link, draining());
        assert_eq!(host.next_timer(), Some((Timer::HandOver, s(1))));
        host.advance(s(1));
        link = host.open();
        host.accept(link, resumed_at(1));
    }
}

#[test]
fn whatever_stops_a_successor_the_current_link_stays_and_another_try_follows() {
    type Failure = fn(&mut Host);
    let failures: [Failure; 8] = [
        |host| host.advance(s(30)),
        |host| {
            let (link, _) = host.dial();
            host.input(Input::DialFailed { link, failure: DialFailure::Refused { message: "404".into() } });
        },
        |host| {
            let (link, _) = host.dial();
            host.input(Input::DialFailed { link, failure: DialFailure::Unauthorized });
        },
        |host| {
            host.dial();
            host.advance(s(10));
        },
        |host| {
            host.open();
            host.advance(s(15));
        },
        |host| {
            let link = host.open();
            host.close(link, 1006);
        },
        |host| {
            let link = host.open();
            host.frame(link, ServerFrame::Rejected(rejected("CONNECTION_LIMIT_EXCEEDED", None)));
            host.close(link, 4503);
        },
        |host| {
            let link = host.open();
            host.accept(link, Accepted::default()); // has no positions
        },
    ];
    for (index, fail) in failures.into_iter().enumerate() {
        let (mut host, current) = Host::connected_at(exact().pong_deadline(s(60)), 1);
        // A heartbeat so long that the current link's silence is no matter here.
        host.input(Input::ReadPaused);
        host.input(Input::ReadResumed);
        host.command(Command::HandOver);
        fail(&mut host);
        let orders = host.take();
        assert!(orders.states().is_empty(), "{index}");
        assert!(
            orders.has(|n| matches!(n, Notice::HandoverFailed { delay, .. } if *delay == Some(s(1)))),
            "{index}"
        );
        assert!(!orders.has(|n| matches!(n, Notice::Rejected(_))), "{index}");
        host.event(current, "conv:a", 2, 0);
        assert_eq!(host.take().delivered(), [2], "{index}");
        host.advance(s(1));
        assert_eq!(host.take().fetches(), 1, "{index}");
    }
}

#[test]
fn tries_stay_inside_the_margin_and_the_next_age_gets_new_ones() {
    let config = exact().renew_after(RenewAfter::Exactly(s(100))).keepalive(s(1_000_000));
    let mut host = Host::new(config);
    host.command(Command::Connect);
    let link = host.open();
    host.accept(link, Accepted { max_duration: Some(s(160)), ..Accepted::default() });
    host.take();
    let mut tries = Vec::new();
    while tries.len() < 20 {
        host.advance_to(Timer::HandOver);
        let (link, _) = host.dial();
        tries.push(host.now.as_micros() / 1_000_000);
        let failure = DialFailure::Temporary { retry_after: None, message: "down".into() };
        host.input(Input::DialFailed { link, failure });
        if host.next_timer().is_some_and(|(_, by)| by >= s(100)) {
            break;
        }
    }
    assert_eq!(tries, [100, 101, 103, 107, 115, 131, 145], "the last one can be accepted before 160");
    assert_eq!(host.core.state(), &ConnectionState::Connected);
    assert_eq!(host.next_timer(), Some((Timer::HandOver, s(100))));
}

#[test]
fn when_the_current_link_dies_the_successor_is_the_reconnect() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.take();
    host.close(old, 1006);
    let orders = host.take();
    assert_eq!(orders.states(), [ConnectionState::Reconnecting]);
    assert_eq!(orders.reconnects(), [(1, s(0))]);
    assert_eq!(orders.fetches(), 0, "no second dial");
    assert_eq!(host.next_timer(), Some((Timer::Accept, s(15))));
    host.accept(new, resumed_at(10));
    let orders = host.take();
    assert_eq!(orders.states(), [ConnectionState::Connected]);
    assert!(orders.has(|n| matches!(n, Notice::Accepted { occasion: Occasion::Reconnect, .. })));
}

#[test]
fn a_successor_that_fails_after_the_current_link_died_goes_through_the_gate() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.close(old, 1006);
    host.close(new, 1006);
    assert_eq!(host.next_timer(), Some((Timer::Reconnect, s(2))));
}

#[test]
fn a_handover_that_waits_for_its_next_try_is_forgotten_with_its_link() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.close(new, 1006);
    host.close(old, 1006);
    assert_eq!(host.next_timer(), Some((Timer::Reconnect, s(1))));
    host.advance(s(1));
    assert_eq!(host.next_timer().map(|(timer, _)| timer), Some(Timer::Credential));
}

#[test]
fn an_accept_that_comes_too_late_is_ignored() {
    let (mut host, _) = Host::connected_at(exact().pong_deadline(s(60)), 10);
    let new = host.successor();
    host.advance(s(15));
    assert!(host.take().aborts(new));
    host.accept(new, resumed_at(10));
    host.event(new, "conv:a", 11, 0);
    assert!(host.take().0.is_empty());
}

#[test]
fn a_retired_link_that_does_not_close_is_dropped_after_the_close_deadline() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.accept(new, resumed_at(10));
    host.take();
    host.advance(ms(4999));
    host.event(old, "conv:a", 11, 0);
    assert_eq!(host.take().delivered(), [11]);
    host.advance(ms(1));
    assert!(host.take().aborts(old));
    host.event(old, "conv:a", 12, 11);
    assert!(host.take().delivered().is_empty());
}

#[test]
fn a_retired_link_neither_steers_nor_ends_the_connection() {
    for code in [1000, 4502, 4506] {
        let (mut host, old) = Host::connected_at(exact(), 10);
        let new = host.successor();
        host.accept(new, resumed_at(10));
        host.take();
        let draining = Draining { reason: DrainReason::Shutdown, slot: s(0), deadline: s(60) };
        host.frame(old, ServerFrame::Draining(draining));
        host.frame(old, ServerFrame::Rejected(rejected("X", None)));
        host.close(old, code);
        assert!(host.take().0.is_empty());
        assert_eq!(host.core.state(), &ConnectionState::Connected);
    }
}

#[test]
fn a_retired_link_that_lacks_a_newly_subscribed_topic_moves_the_cursor_no_more() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.accept(new, resumed_at(10));
    host.event(old, "conv:a", 11, 0);
    host.command(Command::Subscribe(topics(&["log:x"])));
    host.event(old, "conv:a", 14, 11);
    host.pong(old, 14);
    assert_eq!(host.take().delivered(), [11]);
    assert_eq!(host.cursor(), Some((EPOCH, 11)));
    host.frame(new, ack(&["log:x"], Some(10)));
    for (name, at, prev) in [("conv:a", 11, 0), ("log:x", 13, 0), ("conv:a", 14, 11)] {
        host.event(new, name, at, prev);
    }
    assert_eq!(host.take().delivered(), [13, 14]);
}

#[test]
fn a_retired_link_that_lacked_a_topic_for_a_while_is_not_read_again() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.accept(new, resumed_at(10));
    host.command(Command::Subscribe(topics(&["log:x"])));
    host.event(old, "conv:a", 14, 0);
    host.command(Command::Unsubscribe(topics(&["log:x"])));
    host.take();
    host.event(old, "conv:b", 16, 0);
    host.event(old, "conv:a", 17, 14);
    host.pong(old, 20);
    let orders = host.take();
    assert!(orders.0.is_empty(), "14 was not read: nothing behind it may move the cursor");
    for (name, at, prev) in [("conv:a", 14, 0), ("conv:b", 16, 0), ("conv:a", 17, 14)] {
        host.event(new, name, at, prev);
    }
    assert_eq!(host.take().delivered(), [14, 16, 17]);
}

#[test]
fn a_hole_on_a_retired_link_costs_that_link_only() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.accept(new, resumed_at(10));
    host.take();
    host.event(old, "conv:a", 14, 12);
    let orders = host.take();
    assert!(orders.aborts(old) && orders.states().is_empty());
    host.event(new, "conv:a", 12, 9);
    host.event(new, "conv:a", 14, 12);
    assert_eq!(host.take().delivered(), [12, 14]);
}

#[test]
fn a_signal_that_both_links_bring_is_delivered_once() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    host.command(Command::Subscribe(topics(&["conv_ondemand:a"])));
    let new = host.successor();
    host.accept(new, resumed_at(10));
    host.take();
    let signal = Some("conv_ondemand:a");
    host.unplaced(old, signal, 1);
    host.unplaced(new, signal, 1);
    host.unplaced(new, signal, 2);
    host.unplaced(old, signal, 2);
    assert_eq!(host.take().delivered(), [1, 2]);
}
