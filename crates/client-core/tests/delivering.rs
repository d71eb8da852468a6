//! Every event once, in order, and every loss said aloud.

mod support;

use bowline_client_core::{Command, ConnectionState, Input, LinkId, Notice, Output, Timer};
use bowline_proto::{Accepted, Epoch, Gap, GapReason, RefusalCode, ServerFrame, SubscribeAck, TopicRefusal};
use support::*;

/// Loses the link and brings a new one to where it awaits its accept.
fn reconnect(host: &mut Host, link: LinkId) -> LinkId {
    host.close(link, 1006);
    host.advance_to(Timer::Reconnect);
    host.open()
}

#[test]
fn an_event_is_new_exactly_when_its_seq_is_above_the_cursor() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    for (seq, expected) in [(11, true), (11, false), (9, false), (15, true), (12, false), (16, true)] {
        host.event(link, "conv:a", seq, 0);
        assert_eq!(host.take().delivered().contains(&seq), expected, "{seq}");
    }
    assert_eq!(host.cursor(), Some((EPOCH, 16)));
}

#[test]
fn a_delivery_says_where_its_reader_stands_then() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.event(link, "conv:a", 11, 0);
    host.unplaced(link, Some("conv:a"), 5);
    let cursors: Vec<_> = host
        .take()
        .0
        .iter()
        .map(|output| match output {
            Output::Deliver { cursor, .. } => *cursor,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(cursors, [Some(cursor(EPOCH, 11)), None]);
}

#[test]
fn positions_without_events_keep_the_cursor_young_and_never_move_it_back() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    let topics_frame = |at| ServerFrame::Topics { added: topics(&["conv:n"]), removed: vec![], seq: seq(at) };
    for (frame, expected) in [
        (ServerFrame::Pong { seq: Some(seq(20)) }, 20),
        (ServerFrame::Pong { seq: Some(seq(19)) }, 20),
        (ServerFrame::Pong { seq: None }, 20),
        (topics_frame(25), 25),
        (ack(&["log:x"], Some(30)), 30),
        (ack(&["log:x"], Some(3)), 30),
    ] {
        let before = host.cursor();
        host.frame(link, frame);
        assert_eq!(host.cursor(), Some((EPOCH, expected)));
        let moved = host.take().has(|n| matches!(n, Notice::Moved(_)));
        assert_eq!(moved, before != host.cursor());
    }
}

#[test]
fn a_topic_granted_or_subscribed_later_raises_no_false_alarm() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.frame(link, ServerFrame::Topics { added: topics(&["conv:n"]), removed: vec![], seq: seq(30) });
    host.event(link, "conv:n", 31, 29);
    host.frame(link, ack(&["log:x"], Some(40)));
    host.event(link, "log:x", 41, 39);
    assert_eq!(host.take().delivered(), [31, 41]);
}

#[test]
fn a_hole_is_gone_back_for_and_filled() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.event(link, "conv:a", 11, 4);
    host.event(link, "conv:a", 14, 12);
    let orders = host.take();
    assert_eq!(orders.delivered(), [11], "nothing is delivered past the hole");
    assert!(orders.aborts(link));
    assert_eq!(host.core.state(), &ConnectionState::Reconnecting);
    host.advance_to(Timer::Reconnect);
    let link = host.open();
    assert_eq!(host.take().resume_on(link).seq, seq(11));
    host.accept(link, resumed_at(11));
    host.event(link, "conv:a", 12, 11);
    host.event(link, "conv:a", 14, 12);
    let orders = host.take();
    assert_eq!((orders.delivered(), orders.gaps()), (vec![12, 14], vec![]));
}

#[test]
fn a_hole_that_a_resume_does_not_fill_is_a_gap() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.event(link, "conv:a", 14, 12);
    host.advance_to(Timer::Reconnect);
    let link = host.open();
    host.accept(link, resumed_at(10));
    host.take();
    host.event(link, "conv:a", 14, 12);
    host.event(link, "conv:b", 15, 13);
    let orders = host.take();
    assert_eq!(orders.delivered(), [14, 15]);
    assert_eq!(orders.gaps(), [("conv:a".into(), 10, 14, GapReason::Missing)]);
    assert_eq!(host.core.state(), &ConnectionState::Connected, "13 lies below the cursor: nothing is proved");
    host.event(link, "conv:a", 20, 18);
    assert_eq!(host.core.state(), &ConnectionState::Reconnecting, "another hole is gone back for again");
}

#[test]
fn a_hole_that_another_topic_has_moved_the_cursor_past_is_a_gap_at_once() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.event(link, "conv:a", 11, 4);
    host.event(link, "conv:b", 13, 0);
    host.event(link, "conv:a", 15, 12);
    host.event(link, "conv:a", 16, 15);
    let orders = host.take();
    assert_eq!(orders.delivered(), [11, 13, 15, 16]);
    assert_eq!(orders.gaps(), [("conv:a".into(), 11, 15, GapReason::Missing)]);
    assert!(orders.states().is_empty(), "a resume could not bring what lies below the cursor");
    let link = reconnect(&mut host, link);
    host.accept(link, resumed_at(16));
    host.event(link, "conv:b", 18, 13);
    host.event(link, "conv:a", 20, 17);
    assert_eq!(host.take().gaps(), [("conv:a".into(), 16, 20, GapReason::Missing)], "also over links");
}

fn changed(added: &[&str], removed: &[&str]) -> ServerFrame<Body> {
    ServerFrame::Topics { added: topics(added), removed: topics(removed), seq: seq(29) }
}

#[test]
fn a_topic_whose_stream_was_interrupted_raises_no_false_alarm() {
    type Interruption = fn(&mut Host, LinkId) -> LinkId;
    let cases: [(&str, Interruption); 9] = [
        ("nothing", |_, link| link),
        ("revoked", |host, link| {
            host.frame(link, changed(&[], &["conv:a"]));
            link
        }),
        ("granted", |host, link| {
            host.frame(link, changed(&["conv:a"], &[]));
            link
        }),
        ("subscribed", |host, link| {
            host.frame(link, ack(&["conv:a"], Some(29)));
            link
        }),
        ("refused", |host, link| {
            let errors = vec![TopicRefusal { topic: "conv:a".into(), code: RefusalCode::LimitExceeded }];
            let ack = SubscribeAck { subscribed: vec![], errors, seq: Some(seq(29)) };
            host.frame(link, ServerFrame::SubscribeAck(ack));
            link
        }),
        ("unsubscribed by the gateway", |host, link| {
            host.frame(link, ServerFrame::UnsubscribeAck { unsubscribed: topics(&["conv:a"]) });
            link
        }),
        ("wished for no more and again without a link", |host, link| {
            host.command(Command::Subscribe(topics(&["conv:a"])));
            host.close(link, 1006);
            host.command(Command::Unsubscribe(topics(&["conv:a"])));
            host.command(Command::Subscribe(topics(&["conv:a"])));
            host.advance_to(Timer::Reconnect);
            let link = host.open();
            host.accept(link, resumed_at(11));
            link
        }),
        ("called lost", |host, link| {
            host.frame(link, ServerFrame::Gap(gap("conv:a", 11, 30)));
            host.event(link, "conv:b", 30, 0);
            // Losses behind the cursor are forgotten with the next one of the topic.
            host.frame(link, ServerFrame::Gap(gap("conv:a", 30, 32)));
            link
        }),
        ("begun anew further on", |host, link| {
            let link = reconnect(host, link);
            host.accept(link, at(29));
            link
        }),
    ];
    for (case, interrupt) in cases {
        let (mut host, link) = Host::connected_at(exact(), 10);
        host.event(link, "conv:a", 11, 4);
        let link = interrupt(&mut host, link);
        host.event(link, "conv:b", 31, 0);
        host.take();
        host.event(link, "conv:a", 32, 29);
        let orders = host.take();
        assert_eq!(orders.delivered(), [32], "{case}");
        assert_eq!(orders.gaps().len(), usize::from(case == "nothing"), "{case}");
        assert!(orders.states().is_empty(), "{case}");
    }
}

#[test]
fn a_copy_of_what_came_without_a_position_is_no_hole() {
    let (mut host, old) = Host::connected_plainly(exact());
    let new = host.successor();
    host.accept(new, at(10));
    host.event(new, "conv:a", 11, 4);
    host.unplaced(old, Some("conv:a"), 12);
    host.event(new, "conv:a", 12, 11);
    host.event(new, "conv:b", 13, 0);
    host.event(new, "conv:a", 14, 12);
    let orders = host.take();
    assert_eq!((orders.delivered(), orders.gaps()), (vec![11, 12, 13, 14], vec![]));
}

#[test]
fn what_was_reported_as_lost_is_no_hole() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.frame(link, ServerFrame::Gap(gap("conv:a", 10, 20)));
    host.event(link, "conv:a", 20, 18);
    let orders = host.take();
    assert_eq!(orders.gaps(), [("conv:a".into(), 10, 20, GapReason::Retention)]);
    assert_eq!(orders.delivered(), [20]);
}

#[test]
fn a_gap_is_cut_down_to_what_was_neither_delivered_nor_reported() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    for (name, after, before, expected) in [
        ("conv:a", 3, 11, None),
        ("conv:a", 3, 20, Some((10, 20))),
        ("conv:a", 3, 20, None),
        ("conv:a", 12, 25, Some((19, 25))),
        ("conv:b", 12, 25, Some((12, 25))),
    ] {
        host.frame(link, ServerFrame::Gap(gap(name, after, before)));
        let told: Vec<_> =
            host.take().gaps().into_iter().map(|(_, after, before, _)| (after, before)).collect();
        assert_eq!(told, Vec::from_iter(expected), "{name} {after}..{before}");
    }
}

#[test]
fn of_a_gap_around_one_that_was_told_only_what_lies_on_both_sides_is_told() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.frame(link, ServerFrame::Gap(gap("conv:a", 30, 40)));
    host.frame(link, ServerFrame::Gap(gap("conv:a", 15, 20)));
    host.take();
    let link = reconnect(&mut host, link);
    host.accept(link, Accepted { gaps: vec![gap("conv:a", 10, 50)], ..resumed_at(10) });
    let told: Vec<_> = host.take().gaps().into_iter().map(|(_, after, before, _)| (after, before)).collect();
    assert_eq!(told, [(10, 16), (19, 31), (39, 50)]);
    host.frame(link, ServerFrame::Gap(gap("conv:a", 12, 50)));
    assert_eq!(host.take().gaps(), [], "all of it has been told");
}

#[test]
fn an_event_that_was_called_lost_is_not_delivered_after_all() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.frame(link, ServerFrame::Gap(gap("conv:a", 10, 20)));
    host.take();
    host.event(link, "conv:a", 15, 0);
    host.event(link, "conv:b", 16, 0);
    assert_eq!(host.take().delivered(), [16]);
}

#[test]
fn the_gaps_of_a_resume_are_told_and_its_position_is_taken() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    let link = reconnect(&mut host, link);
    host.take();
    let gaps = vec![gap("conv:a", 10, 41), gap("conv:b", 12, 30)];
    host.accept(link, Accepted { gaps, ..resumed_at(10) });
    let told = host.take().gaps();
    assert_eq!(
        told,
        [("conv:a".into(), 10, 41, GapReason::Retention), ("conv:b".into(), 12, 30, GapReason::Retention)]
    );
    host.event(link, "conv:b", 30, 29);
    host.event(link, "conv:a", 41, 40);
    assert_eq!(host.take().delivered(), [30, 41]);
}

#[test]
fn a_new_epoch_counts_from_where_the_gateway_says() {
    let (mut host, old) = Host::connected_at(exact(), 50);
    let link = reconnect(&mut host, old);
    host.take();
    let lost = Gap { reason: GapReason::Epoch, ..gap("conv:a", 40, 51) };
    let epoch = Some(Epoch::from_bits(0xe2));
    host.accept(link, Accepted { epoch, gaps: vec![lost.clone()], ..resumed_at(40) });
    let orders = host.take();
    assert!(orders.has(|n| *n == Notice::Gap(lost.clone())));
    assert!(!orders.has(|n| matches!(n, Notice::Skipped { .. })));
    assert_eq!(host.cursor(), Some((0xe2, 40)));
    host.event(link, "conv:a", 41, 40);
    assert_eq!(host.take().delivered(), [41]);
}

#[test]
fn what_was_lost_with_an_epoch_is_told_once_though_the_next_link_says_it_again() {
    let (mut host, old) = Host::connected_at(exact(), 50);
    let link = reconnect(&mut host, old);
    host.take();
    let epoch = Some(Epoch::from_bits(0xe2));
    let lost = Gap { reason: GapReason::Epoch, ..gap("conv:a", 40, 1000) };
    let accepted = Accepted { epoch, gaps: vec![lost], ..resumed_at(40) };
    host.accept(link, accepted.clone());
    assert_eq!(host.take().gaps().len(), 1);
    let link = reconnect(&mut host, link);
    host.take();
    host.accept(link, accepted);
    let orders = host.take();
    assert_eq!(orders.gaps(), []);
    host.event(link, "conv:a", 1000, 38);
    assert_eq!(host.take().delivered(), [1000]);
}

#[test]
fn a_start_behind_the_cursor_that_was_not_resumed_says_that_something_may_be_missing() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    let link = reconnect(&mut host, link);
    host.accept(link, at(60));
    let skipped = Notice::Skipped { after: cursor(EPOCH, 10), now: Some(cursor(EPOCH, 60)) };
    assert!(host.take().has(|n| *n == skipped));

    let (mut host, link) = Host::connected_at(exact(), 10);
    let link = reconnect(&mut host, link);
    host.accept(link, at(10));
    assert!(!host.take().has(|n| matches!(n, Notice::Skipped { .. })), "nothing lies in between");
}

#[test]
fn a_saved_cursor_ahead_of_the_log_does_not_hide_what_comes() {
    let mut host = Host::new(exact().resume_from(saved(900)));
    host.command(bowline_client_core::Command::Connect);
    let link = host.open();
    host.accept(link, resumed_at(100));
    host.event(link, "conv:a", 101, 0);
    assert_eq!(host.take().delivered(), [101]);
}

#[test]
fn a_frame_that_is_not_understood_may_have_been_an_event() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.input(Input::BadFrame { link, why: "not JSON".into() });
    assert!(host.take().aborts(link));
    host.advance_to(Timer::Reconnect);
    let link = host.open();
    host.accept(link, resumed_at(10));
    host.take();
    host.input(Input::BadFrame { link, why: "not JSON".into() });
    let orders = host.take();
    assert!(!orders.aborts(link), "going back again would not help");
    assert!(orders.has(|n| matches!(n, Notice::Trouble(_))));
}
