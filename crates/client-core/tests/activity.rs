//! What is said of an activity, and when.

mod support;

use bowline_client_core::{Command, CommandError, LinkId, RenewAfter, Timer};
use bowline_proto::{
    ActivityStatus::{self, Idle, Thinking, Typing},
    ClientFrame,
};
use support::*;

fn doing(conversation: &str, status: ActivityStatus) -> Command {
    Command::SendActivity { conversation_id: conversation.into(), status }
}

fn said(host: &mut Host, link: LinkId) -> Vec<(String, ActivityStatus)> {
    let activity = |frame: &&ClientFrame| match frame {
        ClientFrame::Activity { conversation_id, status } => {
            Some((conversation_id.to_string(), status.clone()))
        }
        _ => None,
    };
    host.take().sent_on(link).iter().filter_map(activity).collect()
}

#[test]
fn a_change_is_said_at_once_and_a_repetition_not_within_three_seconds() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    for (after, status, expected) in [
        (ms(0), Typing, true),
        (ms(100), Typing, false),
        (ms(100), Thinking, true),
        (ms(100), Typing, true),
        (ms(2_999), Typing, false),
        (ms(1), Typing, true),
        (ms(10), Idle, true),
        (ms(10), Idle, false),
        (ms(10), Typing, true),
    ] {
        host.advance(after);
        host.command(doing("c", status.clone()));
        let expected: Vec<_> = expected.then(|| ("c".to_owned(), status.clone())).into_iter().collect();
        assert_eq!(said(&mut host, link), expected, "{after:?} {status:?}");
    }
}

#[test]
fn idle_where_nothing_was_active_is_not_said() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.command(doing("c", Idle));
    assert!(said(&mut host, link).is_empty());
}

#[test]
fn an_active_status_is_said_again_every_five_seconds_in_each_conversation_until_idle() {
    let (mut host, link) = Host::connected_at(exact().renew_after(RenewAfter::Never), 1);
    host.command(doing("a", Typing));
    host.advance(s(2));
    host.command(doing("b", Thinking));
    host.take();
    host.advance(s(3));
    assert_eq!(said(&mut host, link), [("a".into(), Typing)]);
    host.advance(s(2));
    assert_eq!(said(&mut host, link), [("b".into(), Thinking)]);
    host.command(doing("a", Idle));
    host.take();
    host.advance(s(5));
    assert_eq!(said(&mut host, link), [("b".into(), Thinking)]);
}

#[test]
fn the_latest_status_waits_for_a_link() {
    let mut host = Host::new(exact());
    host.command(doing("a", Typing));
    host.command(doing("a", Thinking));
    host.command(doing("b", Typing));
    host.command(doing("b", Idle));
    host.command(Command::Connect);
    let link = host.open();
    host.accept(link, at(1));
    assert_eq!(said(&mut host, link), [("a".into(), Thinking)]);
}

#[test]
fn an_idle_that_missed_its_link_is_said_while_the_gateway_s_lease_lasts() {
    for (away, expected) in [(s(1), true), (s(9), false)] {
        let (mut host, link) = Host::connected_at(exact().backoff_base(away), 1);
        host.command(doing("a", Typing));
        host.close(link, 1006);
        host.command(doing("a", Idle));
        host.advance_to(Timer::Reconnect);
        let link = host.open();
        host.accept(link, resumed_at(1));
        assert_eq!(said(&mut host, link).contains(&("a".into(), Idle)), expected, "{away:?}");
        assert_ne!(host.next_timer().map(|(timer, _)| timer), Some(Timer::Activity));
    }
}

#[test]
fn after_a_handover_the_new_link_says_it() {
    let (mut host, _) = Host::connected_at(exact(), 1);
    host.command(doing("a", Typing));
    let new = host.successor();
    host.accept(new, resumed_at(1));
    host.take();
    host.advance(s(5));
    assert_eq!(said(&mut host, new), [("a".into(), Typing)]);
}

#[test]
fn it_ends_with_close() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.command(doing("a", Typing));
    host.command(Command::Close);
    host.close(link, 1000);
    host.command(Command::Connect);
    let link = host.open();
    host.accept(link, resumed_at(1));
    assert!(said(&mut host, link).is_empty());
}

#[test]
fn too_many_conversations_are_refused_and_idle_makes_room() {
    let (mut host, _) = Host::connected_at(exact().max_activities(1), 1);
    host.command(doing("a", Typing));
    let result = host.core.command(host.now, doing("b", Typing));
    assert_eq!(result, Err(CommandError::TooManyActivities { limit: 1 }));
    host.command(doing("a", Thinking));
    host.command(doing("a", Idle));
    host.command(doing("b", Typing));
}
