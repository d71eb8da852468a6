//! What ends a connection for good, and what a credential that is not accepted leads to.

mod support;

use bowline_client_core::{
    CloseReason, Command, CommandError, ConnectionState, CredentialFailure, DialFailure, Input, MessageId,
    Notice, Timer,
};
use bowline_proto::{CloseCode, ServerFrame};
use support::*;

#[test]
fn close_codes_from_4500_stop_and_all_others_reconnect() {
    for (code, stops) in [
        (1000, false),
        (1001, false),
        (1006, false),
        (1011, false),
        (4001, false),
        (4003, false),
        (4008, false),
        (4499, false),
        (4502, true),
        (4503, true),
        (4504, true),
        (4505, true),
        (4506, true),
        (4999, true),
        (5000, false),
    ] {
        let (mut host, link) = Host::connected_at(exact(), 1);
        host.close(link, code);
        if stops {
            assert!(host.is_closed(&CloseReason::Refused(CloseCode(code))), "{code}");
            assert_eq!(host.next_timer(), None, "{code}");
        } else {
            assert_eq!(host.core.state(), &ConnectionState::Reconnecting, "{code}");
        }
    }
}

#[test]
fn a_rejection_is_the_reason_of_the_close_that_follows() {
    let refused = rejected("CONNECTION_LIMIT_EXCEEDED", None);
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let link = host.open();
    host.frame(link, ServerFrame::Rejected(refused.clone()));
    assert!(host.take().has(|n| *n == Notice::Rejected(refused.clone())));
    assert_eq!(host.core.state(), &ConnectionState::Connecting);
    host.close(link, 4503);
    assert!(host.is_closed(&CloseReason::Rejected(refused)));
}

#[test]
fn a_rejection_without_a_close_decides_by_itself_after_the_close_deadline() {
    let refused = rejected("CONNECTION_LIMIT_EXCEEDED", None);
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let link = host.open();
    host.frame(link, ServerFrame::Rejected(refused.clone()));
    host.advance(s(5));
    assert!(host.take().aborts(link));
    assert!(host.is_closed(&CloseReason::Rejected(refused)));
}

#[test]
fn a_rejection_that_says_when_is_retried_then() {
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let link = host.open();
    host.frame(link, ServerFrame::Rejected(rejected("CONNECTION_LIMIT_EXCEEDED", Some(s(31)))));
    host.close(link, 4503);
    assert_eq!(host.next_timer(), Some((Timer::Reconnect, s(31))));
}

#[test]
fn a_refused_connection_tries_again_when_the_application_connects() {
    let (mut host, link) = Host::connected_at(exact(), 8);
    host.close(link, 4503);
    host.command(Command::Connect);
    assert_eq!(host.core.state(), &ConnectionState::Connecting);
    let link = host.open();
    assert_eq!(host.take().resume_on(link).seq, seq(8), "nothing that came meanwhile is lost");
}

/// Makes the gateway not accept the credential.
type NotAccepted = fn(&mut Host);

#[test]
fn an_unaccepted_credential_asks_the_provider_once_more_then_stops() {
    let by_close: NotAccepted = |host| {
        let link = host.open();
        host.close(link, 4501);
    };
    let by_rejection: NotAccepted = |host| {
        let link = host.open();
        host.frame(link, ServerFrame::Rejected(rejected("UNAUTHORIZED", None)));
        host.close(link, 1000);
    };
    let by_status: NotAccepted = |host| {
        let (link, _) = host.dial();
        host.input(Input::DialFailed { link, failure: DialFailure::Unauthorized });
    };
    for not_accepted in [by_close, by_rejection, by_status] {
        let mut host = Host::new(exact());
        host.command(Command::Connect);
        not_accepted(&mut host);
        assert_eq!(host.take().reconnects(), [(1, s(0))]);
        host.advance_to(Timer::Reconnect);
        not_accepted(&mut host);
        assert!(host.is_closed(&CloseReason::Unauthorized));
    }
}

#[test]
fn a_gateway_that_accepts_and_at_once_revokes_is_not_asked_for_ever() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.advance(s(12));
    host.close(link, 4501);
    host.advance_to(Timer::Reconnect);
    let link = host.open();
    host.accept(link, resumed_at(1));
    host.close(link, 4501);
    assert!(host.is_closed(&CloseReason::Unauthorized));
}

#[test]
fn a_credential_that_expires_on_a_stable_link_may_be_renewed_each_time() {
    let (mut host, mut link) = Host::connected_at(exact(), 1);
    for _ in 0..3 {
        host.advance(s(11));
        host.close(link, 4501);
        host.advance_to(Timer::Reconnect);
        link = host.open();
        host.accept(link, resumed_at(1));
    }
    assert_eq!(host.core.state(), &ConnectionState::Connected);
}

#[test]
fn what_repetition_can_not_mend_stops() {
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let fetch = host.fetch();
    let failure = CredentialFailure::Refused { message: "signed out".into() };
    host.input(Input::CredentialFailed { fetch, failure });
    assert!(host.is_closed(&CloseReason::NoCredential("signed out".into())));

    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let (link, _) = host.dial();
    host.input(Input::DialFailed { link, failure: DialFailure::Refused { message: "404".into() } });
    assert!(host.is_closed(&CloseReason::Unreachable("404".into())));
}

#[test]
fn a_stop_takes_the_successor_the_retired_links_and_the_messages_with_it() {
    let (mut host, first) = Host::connected_at(exact(), 1);
    let second = host.successor();
    host.accept(second, resumed_at(1));
    let third = host.successor();
    host.take();
    host.close(second, 4502);
    let orders = host.take();
    assert!(orders.aborts(first) && orders.aborts(third));
    assert_eq!(orders.states(), [ConnectionState::Closed(CloseReason::Refused(CloseCode::DISCONNECTED))]);
    assert_eq!(host.next_timer(), None);
    let send = Command::Send { message: MessageId(1), bytes: 1 };
    assert_eq!(host.core.command(host.now, send), Err(CommandError::Closed));
}

#[test]
fn being_superseded_by_a_link_of_our_own_is_no_reason_to_stop() {
    let (mut host, first) = Host::connected_at(exact(), 1);
    host.successor();
    host.close(first, CloseCode::SUPERSEDED.0);
    assert_eq!(host.core.state(), &ConnectionState::Reconnecting);

    // A successor that was given up may still be heard by the gateway.
    let (mut host, first) = Host::connected_at(exact(), 1);
    host.successor();
    host.advance(s(15));
    host.close(first, CloseCode::SUPERSEDED.0);
    assert_eq!(host.core.state(), &ConnectionState::Reconnecting);
}

#[test]
fn a_successor_that_broke_or_was_closed_may_have_superseded_the_link_it_came_from() {
    for code in [CloseCode::ABNORMAL, CloseCode::DRAINING] {
        let (mut host, first) = Host::connected_at(exact(), 1);
        let second = host.successor();
        host.close(second, code.0);
        // As long as a gateway lets both stand.
        host.hear(first, 30);
        host.close(first, CloseCode::SUPERSEDED.0);
        assert_eq!(host.core.state(), &ConnectionState::Reconnecting, "after {}", code.0);
    }
}

#[test]
fn being_superseded_long_after_the_last_link_of_our_own_is_the_end() {
    let (mut host, first) = Host::connected_at(exact(), 1);
    let second = host.successor();
    host.close(second, CloseCode::ABNORMAL.0);
    host.hear(first, 61);
    host.close(first, CloseCode::SUPERSEDED.0);
    assert!(host.is_closed(&CloseReason::Refused(CloseCode::SUPERSEDED)));
}
