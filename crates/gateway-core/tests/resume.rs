//! A resume goes on exactly after the cursor, whatever happened since.

mod support;

use bowline_gateway_core::{Input, ShardConfig};
use bowline_proto::{
    ClientFrame, CloseCode, Epoch, Gap, GapReason, RefusalCode, Resume, Seq, ServerFrame, SessionId,
};
use support::{Got, World, asked, secs, seq, topic};

#[test]
fn it_is_accepted_with_the_first_page_and_catches_up_to_the_tail() {
    let mut world = World::with(ShardConfig::default().page(3, 1 << 20));
    world.grant("ann", "conv:c1");
    let missed: Vec<u64> = (0..10).map(|_| world.publish("conv:c1")).collect();
    world.answers = false;
    let conn = world.resume("ann", None, 2, &[]);
    assert!(!world.is_accepted(conn), "before the log has answered nothing is promised");
    world.answer();
    let accepted = world.accepted(conn);
    assert!(accepted.resumed);
    assert_eq!(accepted.seq, Seq::new(2));
    assert_eq!(world.events(conn), missed[1..4]);
    world.answers = true;
    world.answer();
    let last = world.publish("conv:c1");
    assert_eq!(world.events(conn), missed[1..].iter().copied().chain([last]).collect::<Vec<_>>());
    assert_eq!(world.core.stats().live, 1);
}

#[test]
fn what_is_published_while_a_page_is_read_comes_once() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    world.publish("conv:c1");
    world.answers = false;
    let conn = world.resume("ann", None, 1, &[]);
    let published = world.publish("conv:c1");
    world.answer();
    assert_eq!(world.events(conn), [2, published]);
    let next = world.publish("conv:c1");
    assert_eq!(world.events(conn), [2, published, next]);
}

#[test]
fn seq_zero_means_from_the_oldest_retained_event_and_losses_are_told_in_accepted() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    for _ in 0..5 {
        world.publish("conv:c1");
    }
    world.log.forgotten = 3;
    let conn = world.knock("ann");
    let resume = Resume { session_id: None, epoch: None, seq: Seq::ZERO, topics: vec![] };
    world.frame(conn, ClientFrame::Resume(resume));
    let gaps = world.accepted(conn).gaps;
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].after, gaps[0].before, gaps[0].reason), (seq(0), seq(4), GapReason::Retention));
    assert_eq!(world.events(conn), [4, 5, 6]);
    assert_eq!(world.core.stats().gaps, 1);
}

#[test]
fn a_gap_that_a_later_page_finds_is_told_before_the_events_behind_it() {
    let mut world = World::with(ShardConfig::default().page(2, 1 << 20));
    world.grant("ann", "conv:c1");
    for _ in 0..8 {
        world.publish("conv:c1");
    }
    world.answers = false;
    let conn = world.resume("ann", None, 1, &[]);
    world.answer();
    world.log.forgotten = 6;
    world.answers = true;
    world.answer();
    let told: Vec<Got> = world.inboxes[&conn].clone();
    let gap = told.iter().position(|got| matches!(got, Got::Frame(ServerFrame::Gap(_)))).unwrap();
    assert_eq!(told[gap - 1], Got::Event(3));
    assert_eq!(told[gap + 1], Got::Event(7));
    let gaps = world.gaps(conn);
    assert_eq!((gaps[0].after, gaps[0].before), (seq(3), seq(7)));
    assert_eq!(world.events(conn), [2, 3, 7, 8, 9]);
}

#[test]
fn a_gap_that_reaches_over_the_end_of_its_page_is_told_once() {
    let mut world = World::with(ShardConfig::default().page(1, 1 << 20));
    world.grant("ann", "conv:c1");
    world.publish("conv:c1");
    world.grant("ann", "conv:c2");
    for _ in 0..6 {
        world.publish("conv:c1");
    }
    world.log.forgotten = 6;
    world.answers = false;
    let conn = world.resume("ann", None, 1, &[]);
    world.answer();
    // Retention goes on meanwhile: what it has taken since is news.
    world.log.forgotten = 8;
    world.answers = true;
    world.answer();
    let told: Vec<_> = world.accepted(conn).gaps.into_iter().chain(world.gaps(conn)).collect();
    let told: Vec<_> = told.iter().map(|gap| (gap.after.get(), gap.before.get())).collect();
    assert_eq!(told, [(1, 7), (6, 9)]);
    assert_eq!(world.events(conn), [9]);
}

#[test]
fn the_epoch_of_the_cursor_is_handed_to_the_log_and_the_answer_goes_on_from_where_it_says() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    world.publish("conv:c1");
    world.answers = false;
    let conn = world.knock("ann");
    let other = Epoch::from_bits(99);
    let resume = Resume { session_id: None, epoch: Some(other), seq: seq(500), topics: vec![] };
    world.frame(conn, ClientFrame::Resume(resume));
    let (_, query) = world.reads[0].clone();
    assert_eq!((query.epoch, query.after), (other, seq(500)));
    let mut page = world.log.read(&query);
    page.from = seq(1);
    page.records = vec![world.log.records[1].clone()];
    world.reads.clear();
    world.answers = true;
    world.input(Input::PageRead { conn, page });
    let accepted = world.accepted(conn);
    assert_eq!((accepted.seq, accepted.epoch), (Seq::new(1), Some(world.log.epoch)));
    assert_eq!(world.events(conn), [2]);
}

#[test]
fn listed_topics_are_live_with_the_default_ones_and_refusals_follow_the_acceptance() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let mut hello = world.hello("ann");
    hello.opening = bowline_gateway_core::Opening::Resume;
    hello.claims = support::claim("chat:");
    world.publish("chat:t1");
    let conn = world.open(hello);
    world.send_resume(conn, None, 1, &["chat:t1", "conv_ondemand:c1", "conv_ondemand:other", "no topic"]);
    assert_eq!(world.events(conn), [2]);
    let frames = world.frames(conn);
    let ServerFrame::SubscribeAck(ack) = &frames[1] else { panic!("{frames:?}") };
    let errors: Vec<_> = ack.errors.iter().map(|e| (e.topic.as_str(), e.code.clone())).collect();
    assert_eq!(
        errors,
        [("conv_ondemand:other", RefusalCode::Forbidden), ("no topic", RefusalCode::InvalidTopic)]
    );
    world.publish("chat:t1");
    assert_eq!(world.events(conn), [2, 3]);
}

#[test]
fn without_refusals_no_ack_is_sent() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    let conn = world.resume("ann", None, 1, &["conv_ondemand:c1"]);
    assert!(!world.frames(conn).iter().any(|frame| matches!(frame, ServerFrame::SubscribeAck(_))));
}

#[test]
fn who_does_not_resume_in_time_is_closed_and_may_come_back() {
    let mut world = World::new();
    let conn = world.knock("ann");
    world.pass(secs(9));
    assert!(world.is_open(conn));
    world.pass(secs(1));
    assert_eq!(world.closed(conn), Some(CloseCode::IDLE_TIMEOUT));
}

#[test]
fn another_first_frame_is_a_bad_frame() {
    let mut world = World::new();
    let conn = world.knock("ann");
    world.frame(conn, ClientFrame::Subscribe { topics: asked(&["conv:c1"]) });
    assert_eq!(world.errors(conn), ["BAD_FRAME"]);
    world.send_resume(conn, None, 0, &[]);
    assert!(world.is_accepted(conn));
    world.send_resume(conn, None, 0, &[]);
    assert_eq!(world.errors(conn), ["BAD_FRAME", "BAD_FRAME"]);
}

#[test]
fn a_cursor_without_its_epoch_is_a_bad_frame() {
    let mut world = World::new();
    let conn = world.knock("ann");
    let resume = Resume { session_id: None, epoch: None, seq: seq(3), topics: vec![] };
    world.frame(conn, ClientFrame::Resume(resume));
    assert_eq!(world.errors(conn), ["BAD_FRAME"]);
}

#[test]
fn grants_between_the_cursor_and_now_hold_at_their_own_position() {
    let mut world = World::with(ShardConfig::default().page(2, 1 << 20));
    world.grant("ann", "conv:c1");
    let first = world.publish("conv:c1");
    let revoked = world.revoke("ann", "conv:c1");
    world.publish("conv:c1");
    let again = world.grant("ann", "conv:c1");
    let second = world.publish("conv:c1");
    let conn = world.resume("ann", None, 1, &[]);
    assert_eq!(world.events(conn), [first, second]);
    let name = || vec!["conv:c1".to_owned()];
    assert_eq!(world.topic_changes(conn), [(vec![], name(), revoked), (name(), vec![], again)]);
    let third = world.publish("conv:c1");
    assert_eq!(world.events(conn), [first, second, third]);
}

#[test]
fn a_revocation_during_the_replay_holds_at_its_own_position() {
    let mut world = World::with(ShardConfig::default().page(1, 1 << 20));
    world.grant("ann", "conv:c1");
    world.publish("conv:c1");
    world.publish("conv:c1");
    world.answers = false;
    let conn = world.resume("ann", None, 1, &[]);
    world.answer();
    let revoked = world.revoke("ann", "conv:c1");
    world.publish("conv:c1");
    world.answers = true;
    world.answer();
    assert_eq!(world.events(conn), [2, 3]);
    assert_eq!(world.topic_changes(conn), [(vec![], vec!["conv:c1".to_owned()], revoked)]);
    world.publish("conv:c1");
    assert_eq!(world.events(conn), [2, 3]);
}

#[test]
fn an_unknown_session_gets_a_new_one_at_that_cursor() {
    let mut world = World::new();
    world.publish("user:ann");
    let unknown = SessionId::new("never-seen").unwrap();
    let conn = world.resume("ann", Some(unknown.clone()), 0, &[]);
    assert!(world.accepted(conn).resumed);
    assert_ne!(world.session(conn), Some(unknown));
    assert_eq!(world.events(conn), [1]);
}

#[test]
fn frames_before_the_acceptance_are_refused_but_a_ping_is_only_life() {
    let mut world = World::new();
    world.answers = false;
    let conn = world.resume("ann", None, 0, &[]);
    world.frame(conn, ClientFrame::Ping);
    assert_eq!(world.frames(conn), []);
    world.frame(conn, ClientFrame::Subscribe { topics: vec![topic("conv:c1").into()] });
    assert_eq!(world.errors(conn), ["BAD_FRAME"]);
}

#[test]
fn a_storm_of_resumes_reads_a_few_at_a_time_and_everybody_gets_its_turn() {
    let mut world = World::with(ShardConfig::default().reads_at_once(2));
    world.answers = false;
    let names: Vec<String> = (0..10).map(|i| format!("a{i}")).collect();
    let conns: Vec<_> = names.iter().map(|name| world.resume(name, None, 0, &[])).collect();
    assert_eq!(world.reads.len(), 2);
    world.input(Input::Closed { conn: conns[0] });
    world.reads.retain(|(conn, _)| *conn != conns[0]);
    assert_eq!(world.reads.len(), 2, "a reader that is gone gives its turn away");
    while !world.reads.is_empty() {
        assert!(world.reads.len() <= 2);
        world.answer();
    }
    assert!(conns[1..].iter().all(|conn| world.is_accepted(*conn)));
}

#[test]
fn a_failed_read_is_tried_once_more_and_then_the_socket_is_closed() {
    let mut world = World::new();
    world.publish("user:ann");
    world.answers = false;
    let conn = world.resume("ann", None, 0, &[]);
    world.reads.clear();
    world.input(Input::ReadFailed { conn });
    world.pass(secs(1));
    assert_eq!(world.reads.len(), 1);
    world.answer();
    assert_eq!(world.events(conn), [1]);

    let other = world.resume("ann", None, 0, &[]);
    for _ in 0..2 {
        world.reads.clear();
        world.input(Input::ReadFailed { conn: other });
        world.pass(secs(1));
    }
    assert_eq!(world.closed(other), Some(CloseCode::INTERNAL));
}

#[test]
fn a_cursor_ahead_of_the_tail_does_not_miss_the_grants_that_the_tail_still_brings() {
    let mut world = World::new();
    let conn = world.knock("ann");
    let granted = world.log.grant("ann", "conv:c1");
    world.send_resume(conn, None, 1, &[]);
    assert_eq!(world.accepted(conn).seq, Seq::new(1));
    let event = world.log.event("conv:c1");
    world.show(vec![granted, event]);
    assert_eq!(world.events(conn), [2]);
    assert_eq!(world.topic_changes(conn), [(vec!["conv:c1".to_owned()], vec![], 1)]);
}

#[test]
fn a_gap_behind_an_event_of_the_first_page_is_told_behind_that_event() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    world.publish("conv:c1");
    world.publish("conv:c1");
    world.answers = false;
    let conn = world.resume("ann", None, 1, &[]);
    let (conn_read, query) = world.reads.pop_front().unwrap();
    assert_eq!(conn_read, conn);
    let mut page = world.log.read(&query);
    let lost =
        |name, after| Gap { topic: topic(name), after: seq(after), before: seq(3), reason: GapReason::Epoch };
    page.gaps = vec![lost("conv:c1", 2), lost("user:ann", 1)];
    world.input(Input::PageRead { conn, page });
    assert_eq!(world.accepted(conn).gaps, [lost("user:ann", 1)]);
    let expected = [Got::Event(2), Got::Frame(ServerFrame::Gap(lost("conv:c1", 2))), Got::Event(3)];
    assert_eq!(world.inboxes[&conn][1..], expected);
}
