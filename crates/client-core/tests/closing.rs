//! `Close` is final at any moment.

mod support;

use bowline_client_core::{CloseReason, Command, CommandError, ConnectionState, Input, MessageId, Timer};
use bowline_proto::ActivityStatus;
use support::*;

fn closed() -> ConnectionState {
    ConnectionState::Closed(CloseReason::Asked)
}

/// Whatever comes now, nothing is ordered.
fn assert_final(host: &mut Host) {
    assert_eq!(host.core.state(), &closed());
    assert_eq!(host.next_timer(), None);
    host.take();
    for id in 0..20 {
        let (link, fetch) = (bowline_client_core::LinkId(id), bowline_client_core::FetchId(id));
        host.input(Input::CredentialReady { fetch });
        host.input(Input::Opened { link });
        host.accept(link, at(99));
        host.event(link, "conv:a", 100, 0);
        host.close(link, 1006);
    }
    host.input(Input::NetworkReturned);
    host.input(Input::ReadPaused);
    host.input(Input::ReadResumed);
    host.command(Command::Close);
    host.advance(s(3600));
    assert!(host.take().0.is_empty());
}

#[test]
fn before_the_first_connect() {
    let mut host = Host::new(exact());
    host.command(Command::Close);
    assert_final(&mut host);
}

#[test]
fn during_the_token_fetch() {
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let fetch = host.fetch();
    host.command(Command::Close);
    assert!(host.take().forgets(fetch));
    assert_final(&mut host);
}

#[test]
fn during_the_dial() {
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let (link, _) = host.dial();
    host.command(Command::Close);
    assert!(host.take().aborts(link));
    assert_final(&mut host);
}

#[test]
fn while_the_accept_is_awaited() {
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let link = host.open();
    host.command(Command::Close);
    assert!(host.take().closes(link));
    assert_eq!(host.core.state(), &ConnectionState::Closing);
    host.accept(link, at(5));
    assert_eq!(host.core.state(), &ConnectionState::Closing);
    host.close(link, 1000);
    assert_final(&mut host);
}

#[test]
fn while_a_retry_waits() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.close(link, 1006);
    host.command(Command::Close);
    assert_final(&mut host);
}

#[test]
fn while_connected_and_nothing_is_delivered_any_more() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.command(Command::Close);
    let orders = host.take();
    assert!(orders.closes(link));
    assert_eq!(orders.states(), [ConnectionState::Closing]);
    host.event(link, "conv:a", 2, 0);
    assert!(host.take().delivered().is_empty());
    assert_eq!(host.cursor(), Some((EPOCH, 1)), "whoever goes on from here gets it");
    host.close(link, 1000);
    assert_final(&mut host);
}

#[test]
fn while_connected_to_a_peer_that_never_answers() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.command(Command::Close);
    assert_eq!(host.next_timer(), Some((Timer::Close, s(5))));
    host.advance(s(5));
    assert!(host.take().aborts(link));
    assert_final(&mut host);
}

#[test]
fn in_the_middle_of_a_handover() {
    let (mut host, first) = Host::connected_at(exact(), 1);
    let second = host.successor();
    host.accept(second, resumed_at(1));
    let third = host.successor();
    host.take();
    host.command(Command::Close);
    let orders = host.take();
    assert!(orders.closes(second) && orders.closes(third));
    assert!(!orders.closes(first), "it was told when it was retired");
    for link in [third, first] {
        host.close(link, 1000);
        assert_eq!(host.core.state(), &ConnectionState::Closing);
    }
    host.close(second, 1000);
    assert_final(&mut host);
}

#[test]
fn what_waits_is_dropped_and_further_wishes_are_refused() {
    let mut host = Host::new(exact());
    host.command(Command::Send { message: MessageId(1), bytes: 10 });
    host.command(Command::Send { message: MessageId(2), bytes: 10 });
    host.command(Command::Connect);
    host.command(Command::Close);
    assert_eq!(host.take().dropped(), [MessageId(1), MessageId(2)]);
    let doing = Command::SendActivity { conversation_id: "c".into(), status: ActivityStatus::Typing };
    for refused in [
        Command::Send { message: MessageId(3), bytes: 1 },
        Command::Subscribe(topics(&["conv_ondemand:a"])),
        Command::Unsubscribe(topics(&["conv_ondemand:a"])),
        Command::HandOver,
        doing,
    ] {
        assert_eq!(host.core.command(host.now, refused), Err(CommandError::Closed));
    }
    assert_final(&mut host);
}

#[test]
fn only_connect_leads_out_even_while_links_are_closing() {
    let (mut host, link) = Host::connected_at(exact(), 6);
    host.command(Command::Close);
    host.take();
    host.command(Command::Connect);
    let orders = host.take();
    assert!(orders.aborts(link));
    assert_eq!(orders.states(), [closed(), ConnectionState::Connecting]);
    let link = host.open();
    assert_eq!(host.take().resume_on(link).seq, seq(6));
    host.accept(link, resumed_at(6));
    assert_eq!(host.core.state(), &ConnectionState::Connected);
}
