//! The way of a link from `Connect` to its accept, and the deadline of every step.

mod support;

use bowline_client_core::{
    ClientConfig, Command, ConnectionState, CredentialFailure, DialFailure, Input, Layer, Notice, Occasion,
    SavedPosition, Timer,
};
use bowline_proto::{Accepted, Seq};
use support::*;

#[test]
fn the_first_connection_is_plain_and_ready_only_when_accepted() {
    let mut host = Host::new(exact());
    assert_eq!(host.core.state(), &ConnectionState::Idle);
    host.command(Command::Connect);
    let (link, layer) = host.dial();
    assert_eq!(layer, Layer::Plain);
    host.input(Input::Opened { link });
    assert_eq!(host.core.state(), &ConnectionState::Connecting);
    host.accept(link, at(7));
    let orders = host.take();
    assert_eq!(orders.states(), [ConnectionState::Connecting, ConnectionState::Connected]);
    assert!(orders.sent_on(link).is_empty());
    assert!(orders.has(|n| matches!(n, Notice::Accepted { occasion: Occasion::Connect, .. })));
    assert_eq!(host.cursor(), Some((EPOCH, 7)));
    assert_eq!(host.core.position().session_id, Some(session("s1")));
}

#[test]
fn a_saved_position_makes_the_very_first_dial_resume() {
    let mut host = Host::new(exact().resume_from(saved(40)));
    host.command(Command::Subscribe(topics(&["conv_ondemand:a", "log:b"])));
    host.command(Command::Connect);
    let (link, layer) = host.dial();
    assert_eq!(layer, Layer::Resume);
    host.input(Input::Opened { link });
    let resume = host.take().resume_on(link);
    assert_eq!(resume.session_id, Some(session("saved")));
    assert_eq!((resume.epoch, resume.seq), (Some(cursor(EPOCH, 0).epoch), seq(40)));
    assert_eq!(names(resume.topics), ["log:b", "conv_ondemand:a"], "what must not be left out comes first");
    host.accept(link, resumed_at(40));
    assert!(host.take().sent_on(link).is_empty(), "a resume makes its topics live");
    host.event(link, "conv:a", 41, 3);
    assert_eq!(host.take().delivered(), [41]);
}

#[test]
fn a_saved_position_without_a_cursor_asks_for_the_oldest_retained_event() {
    let from = SavedPosition { session_id: None, cursor: None };
    let mut host = Host::new(exact().resume_from(from));
    host.command(Command::Connect);
    let link = host.open();
    let resume = host.take().resume_on(link);
    assert_eq!((resume.session_id, resume.epoch, resume.seq), (None, None, Seq::ZERO));
    host.accept(link, resumed_at(12));
    let orders = host.take();
    assert!(!orders.has(|n| matches!(n, Notice::Skipped { .. })));
    assert_eq!(host.cursor(), Some((EPOCH, 12)));
}

#[test]
fn each_step_of_a_connect_has_a_deadline_and_a_late_answer_is_ignored() {
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let fetch = host.fetch();
    assert_eq!(host.next_timer(), Some((Timer::Credential, s(30))));
    host.advance(s(30));
    let orders = host.take();
    assert!(orders.forgets(fetch));
    assert_eq!(orders.reconnects(), [(1, s(1))]);
    host.input(Input::CredentialReady { fetch });
    assert!(host.take().0.is_empty());

    host.advance_to(Timer::Reconnect);
    let (link, _) = host.dial();
    assert_eq!(host.next_timer(), Some((Timer::Dial, s(10))));
    host.advance(s(10));
    let orders = host.take();
    assert!(orders.aborts(link));
    assert_eq!(orders.reconnects(), [(2, s(2))]);
    host.input(Input::Opened { link });
    assert!(host.take().0.is_empty());

    host.advance_to(Timer::Reconnect);
    let link = host.open();
    assert_eq!(host.next_timer(), Some((Timer::Accept, s(15))));
    host.advance(s(15));
    let orders = host.take();
    assert!(orders.aborts(link));
    assert_eq!(orders.reconnects(), [(3, s(4))]);
    host.accept(link, at(1));
    host.close(link, 1000);
    assert!(host.take().0.is_empty());
    assert_eq!(host.core.state(), &ConnectionState::Connecting, "nothing was ever accepted");
}

#[test]
fn a_failed_fetch_or_dial_is_retried_after_the_longer_of_backoff_and_wish() {
    for (wish, delay) in [(None, s(1)), (Some(ms(10)), s(1)), (Some(s(9)), s(9))] {
        let mut host = Host::new(exact());
        host.command(Command::Connect);
        let fetch = host.fetch();
        let failure = CredentialFailure::Temporary { retry_after: wish, message: "busy".into() };
        host.input(Input::CredentialFailed { fetch, failure });
        assert_eq!(host.take().reconnects(), [(1, delay)]);

        let mut host = Host::new(exact());
        host.command(Command::Connect);
        let (link, _) = host.dial();
        let failure = DialFailure::Temporary { retry_after: wish, message: "503".into() };
        host.input(Input::DialFailed { link, failure });
        assert_eq!(host.take().reconnects(), [(1, delay)]);
    }
}

#[test]
fn an_accept_that_can_not_resume_leads_back_to_the_plain_layer() {
    for accept in [
        Accepted::default(),
        Accepted { can_resume: false, ..resumed_at(9) },
        Accepted { epoch: None, ..resumed_at(9) },
        Accepted { seq: None, ..resumed_at(9) },
    ] {
        let mut host = Host::new(exact().resume_from(saved(5)));
        host.command(Command::Connect);
        let link = host.open();
        host.accept(link, accept);
        assert_eq!(host.core.state(), &ConnectionState::Connected);
        assert!(host.take().has(|n| *n == Notice::Skipped { after: cursor(EPOCH, 5), now: None }));
        host.close(link, 1006);
        host.advance_to(Timer::Reconnect);
        assert_eq!(host.dial().1, Layer::Plain);
    }
}

#[test]
fn a_gateway_that_can_resume_again_is_asked_to_instead_of_skipping() {
    let mut host = Host::new(exact().resume_from(saved(5)));
    host.command(Command::Connect);
    let link = host.open();
    host.accept(link, Accepted::default());
    host.close(link, 1006);
    host.advance_to(Timer::Reconnect);
    let link = host.open();
    host.take();
    host.accept(link, at(90));
    let orders = host.take();
    assert!(orders.aborts(link) && !orders.has(|n| matches!(n, Notice::Skipped { .. })));
    host.advance_to(Timer::Reconnect);
    let link = host.open();
    assert_eq!(host.take().resume_on(link).seq, seq(5));
}

#[test]
fn frames_before_the_accept_count_for_nothing_but_a_plain_event_is_not_lost() {
    let mut host = Host::new(exact());
    host.command(Command::Connect);
    let link = host.open();
    host.take();
    host.event(link, "conv:a", 5, 0);
    host.pong(link, 9);
    assert!(host.take().delivered().is_empty());
    host.unplaced(link, None, 77);
    assert_eq!(host.take().delivered(), [77]);
    assert_eq!(host.core.state(), &ConnectionState::Connecting);
}

#[test]
fn unknown_links_and_fetches_are_ignored() {
    use bowline_client_core::{FetchId, LinkId};
    let (mut host, _) = Host::connected_at(ClientConfig::new(), 3);
    let (link, fetch) = (LinkId(999), FetchId(999));
    host.input(Input::CredentialReady { fetch });
    host.input(Input::Opened { link });
    host.input(Input::Heard { link });
    host.input(Input::BadFrame { link, why: "x".into() });
    host.event(link, "conv:a", 4, 0);
    host.accept(link, at(50));
    host.close(link, 4502);
    assert!(host.take().0.is_empty());
    assert_eq!(host.cursor(), Some((EPOCH, 3)));
}
