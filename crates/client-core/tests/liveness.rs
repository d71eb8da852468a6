//! When silence is death.

mod support;

use bowline_client_core::{Command, ConnectionState, Input, LinkId, Notice, RenewAfter, Timer};
use bowline_proto::{Accepted, ClientFrame, ServerFrame};
use support::*;

fn pings(host: &mut Host, link: LinkId) -> usize {
    host.take().sent_on(link).iter().filter(|frame| ***frame == ClientFrame::Ping).count()
}

#[test]
fn a_half_open_link_is_noticed_within_two_and_a_half_heartbeats() {
    for heartbeat in [ms(200), s(1), s(2), s(5), s(15), s(60)] {
        let mut host = Host::new(exact());
        host.command(Command::Connect);
        let link = host.open();
        host.accept(link, Accepted { heartbeat: Some(heartbeat), ..at(1) });
        host.take();
        host.advance(heartbeat);
        assert_eq!(pings(&mut host, link), 1, "{heartbeat:?}");
        host.advance(heartbeat * 3 / 2);
        assert!(host.take().aborts(link), "{heartbeat:?}");
        assert_eq!(host.core.state(), &ConnectionState::Reconnecting);
    }
}

#[test]
fn any_bytes_prove_life() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    type Bytes = fn(&mut Host, LinkId);
    let kinds: [Bytes; 4] = [
        |host, link| host.input(Input::Heard { link }),
        |host, link| host.pong(link, 1),
        |host, link| host.event(link, "conv:a", 2, 0),
        |host, link| host.frame(link, ServerFrame::Unknown),
    ];
    for bytes in kinds {
        host.advance(s(14));
        bytes(&mut host, link);
        assert_eq!(pings(&mut host, link), 0);
        host.advance(s(16));
        assert_eq!(pings(&mut host, link), 1);
        bytes(&mut host, link);
        assert_eq!(host.next_timer(), Some((Timer::Ping, s(15))));
    }
    assert_eq!(host.core.state(), &ConnectionState::Connected);
}

#[test]
fn a_plain_server_that_never_answered_a_ping_is_not_dead_for_it() {
    let (mut host, link) = Host::connected_plainly(exact().renew_after(RenewAfter::Never));
    for _ in 0..5 {
        host.advance(s(300));
        assert_eq!(pings(&mut host, link), 1);
    }
    assert_eq!(host.core.state(), &ConnectionState::Connected);
}

#[test]
fn a_plain_server_that_once_answered_must_go_on_answering() {
    let (mut host, link) = Host::connected_plainly(exact());
    host.advance(s(300));
    host.frame(link, ServerFrame::Pong { seq: None });
    host.advance(s(300));
    host.unplaced(link, None, 1);
    host.advance(s(299));
    assert_eq!(host.core.state(), &ConnectionState::Connected, "bytes count as an answer");
    host.advance(s(6));
    assert_eq!(host.core.state(), &ConnectionState::Reconnecting);
}

#[test]
fn a_keepalive_is_not_put_off_by_what_is_heard() {
    let (mut host, link) = Host::connected_plainly(exact().renew_after(RenewAfter::Never));
    for _ in 0..31 {
        host.advance(s(10));
        host.unplaced(link, None, 1);
    }
    assert_eq!(pings(&mut host, link), 1);
}

#[test]
fn silence_proves_nothing_while_the_driver_does_not_read() {
    let (mut host, link) = Host::connected_at(exact().renew_after(RenewAfter::Never), 1);
    host.advance(s(16));
    host.input(Input::ReadPaused);
    host.input(Input::NetworkReturned);
    assert_eq!(host.next_timer(), None);
    host.advance(s(3600));
    host.input(Input::ReadResumed);
    assert_eq!(host.next_timer(), Some((Timer::Ping, s(15))));
    assert_eq!(pings(&mut host, link), 1, "the one before the pause");
    host.advance(s(20));
    assert!(host.take().aborts(link));
}

#[test]
fn an_accept_that_lies_unread_is_not_overdue() {
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let link = host.open();
    host.input(Input::ReadPaused);
    assert_eq!(host.next_timer(), None);
    host.input(Input::ReadResumed);
    assert_eq!(host.next_timer(), Some((Timer::Accept, s(15))));
    host.accept(link, at(1));
    assert_eq!(host.core.state(), &ConnectionState::Connected);
}

#[test]
fn the_network_s_return_probes_the_link_and_a_second_probe_gives_no_more_time() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.input(Input::NetworkReturned);
    assert_eq!(pings(&mut host, link), 1);
    assert_eq!(host.next_timer(), Some((Timer::Pong, s(5))));
    host.advance(s(3));
    host.input(Input::NetworkReturned);
    assert_eq!(host.next_timer(), Some((Timer::Pong, s(2))));
    host.advance(s(2));
    assert!(host.take().has(|n| matches!(n, Notice::Reconnecting { .. })));
}

#[test]
fn after_a_handover_the_new_link_is_the_one_that_is_watched() {
    let (mut host, old) = Host::connected_at(exact(), 1);
    host.advance(s(15));
    let new = host.successor();
    host.accept(new, resumed_at(1));
    host.take();
    host.input(Input::Heard { link: old });
    host.close(old, 1000);
    host.advance(s(15));
    assert_eq!(pings(&mut host, new), 1);
}
