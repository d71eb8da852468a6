//! Wanted topics are a state: remembered, restored, and brought to each link at the right moment.

mod support;

use bowline_client_core::{Command, CommandError, LinkId, Notice, RESUME_TOPICS, Timer};
use bowline_proto::{Accepted, ClientFrame, RefusalCode, ServerFrame, SubscribeAck, TopicRefusal};
use support::*;

fn want(names: &[&str]) -> Command {
    Command::Subscribe(topics(names))
}

fn unwant(names: &[&str]) -> Command {
    Command::Unsubscribe(topics(names))
}

fn refused(name: &str, code: RefusalCode) -> ServerFrame<Body> {
    let errors = vec![TopicRefusal { topic: name.into(), code }];
    ServerFrame::SubscribeAck(SubscribeAck { subscribed: vec![], errors, seq: None })
}

fn left(names: &[&str]) -> ServerFrame<Body> {
    ServerFrame::UnsubscribeAck { unsubscribed: topics(names) }
}

fn reconnect(host: &mut Host, link: LinkId) -> LinkId {
    host.close(link, 1006);
    host.advance_to(Timer::Reconnect);
    host.take();
    host.open()
}

#[test]
fn wishes_before_the_connect_are_sent_after_the_accept() {
    let mut host = Host::new(exact());
    host.command(want(&["conv_ondemand:a", "conv_ondemand:b"]));
    host.command(unwant(&["conv_ondemand:b"]));
    host.command(Command::Connect);
    let link = host.open();
    assert!(host.take().sent_on(link).is_empty());
    host.accept(link, at(1));
    assert_eq!(host.take().subscribed_on(link), ["conv_ondemand:a"]);
}

#[test]
fn only_the_difference_is_sent() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.command(want(&["conv_ondemand:a"]));
    host.command(want(&["conv_ondemand:a", "conv_ondemand:b"]));
    host.command(unwant(&["conv_ondemand:a", "conv_ondemand:z"]));
    let orders = host.take();
    assert_eq!(orders.subscribed_on(link), ["conv_ondemand:a", "conv_ondemand:b"]);
    assert_eq!(orders.unsubscribed_on(link), ["conv_ondemand:a"]);
    host.command(want(&["conv_ondemand:a"]));
    assert_eq!(host.take().subscribed_on(link), ["conv_ondemand:a"], "wanted again before the answer came");
}

#[test]
fn a_frame_carries_at_most_a_hundred_topics() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    let many = (0..250).map(|n| topic(&format!("conv_ondemand:{n}"))).collect();
    host.command(Command::Subscribe(many));
    let orders = host.take();
    let sizes: Vec<usize> = orders
        .sent_on(link)
        .iter()
        .map(|frame| match frame {
            ClientFrame::Subscribe { topics } => topics.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sizes, [100, 100, 50]);
}

#[test]
fn a_resume_carries_what_fits_and_the_rest_follows() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.command(Command::Subscribe((0..150).map(|n| topic(&format!("conv_ondemand:{n}"))).collect()));
    host.command(want(&["log:a"]));
    let link = reconnect(&mut host, link);
    let listed = names(host.take().resume_on(link).topics);
    assert_eq!(listed.len(), RESUME_TOPICS);
    assert_eq!(listed[0], "log:a");
    host.accept(link, resumed_at(1));
    assert_eq!(host.take().subscribed_on(link).len(), 51);
}

#[test]
fn too_many_are_refused_and_nothing_changes() {
    let (mut host, link) = Host::connected_at(exact().max_subscriptions(2), 1);
    host.command(want(&["conv_ondemand:a"]));
    host.take();
    let result =
        host.core.command(host.now, want(&["conv_ondemand:a", "conv_ondemand:b", "conv_ondemand:c"]));
    assert_eq!(result, Err(CommandError::TooManySubscriptions { limit: 2 }));
    host.command(want(&["conv_ondemand:b"]));
    assert_eq!(host.take().subscribed_on(link), ["conv_ondemand:b"]);

    let (mut host, _) = Host::connected_at(exact(), 1);
    let logged = (0..=RESUME_TOPICS).map(|n| topic(&format!("log:{n}"))).collect();
    let result = host.core.command(host.now, Command::Subscribe(logged));
    assert_eq!(result, Err(CommandError::TooManySubscriptions { limit: RESUME_TOPICS }));
}

#[test]
fn a_refusal_is_told_and_for_good_where_its_code_says_so() {
    for (code, stays) in [
        (RefusalCode::Forbidden, false),
        (RefusalCode::InvalidTopic, false),
        (RefusalCode::LimitExceeded, true),
        (RefusalCode::Other("LATER".into()), true),
    ] {
        let (mut host, link) = Host::connected_at(exact(), 1);
        host.command(want(&["log:a"]));
        host.take();
        host.frame(link, refused("log:a", code.clone()));
        let orders = host.take();
        assert!(orders.has(|n| matches!(n, Notice::SubscribeAck(ack) if ack.errors.len() == 1)), "{code:?}");
        assert!(orders.sent_on(link).is_empty(), "{code:?} is not asked again on this link");
        let link = reconnect(&mut host, link);
        assert_eq!(host.take().resume_on(link).topics.len(), usize::from(stays), "{code:?}");
    }
}

#[test]
fn what_is_wanted_no_more_is_hidden_until_the_gateway_stops() {
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.command(want(&["log:a", "conv_ondemand:a"]));
    host.frame(link, ack(&["log:a", "conv_ondemand:a"], Some(10)));
    host.command(unwant(&["log:a", "conv_ondemand:a"]));
    host.take();
    host.event(link, "log:a", 11, 0);
    host.unplaced(link, Some("conv_ondemand:a"), 1);
    host.event(link, "conv:default", 12, 0);
    assert_eq!(host.take().delivered(), [12]);
    assert_eq!(host.cursor(), Some((EPOCH, 12)));
    host.frame(link, left(&["log:a", "conv_ondemand:a"]));
    assert!(host.take().has(|n| matches!(n, Notice::UnsubscribeAck(topics) if topics.len() == 2)));
    host.event(link, "log:a", 13, 11);
    host.unplaced(link, Some("conv_ondemand:a"), 2);
    assert_eq!(host.take().delivered(), [13], "still delivered: it is a default topic as well");
}

#[test]
fn a_logged_topic_waits_until_a_handover_is_decided_and_an_on_demand_one_does_not() {
    for succeeds in [true, false] {
        let (mut host, old) = Host::connected_at(exact(), 1);
        host.command(want(&["log:held"]));
        host.frame(old, ack(&["log:held"], Some(1)));
        let new = host.successor();
        assert_eq!(names(host.take().resume_on(new).topics), ["log:held"]);
        host.command(want(&["log:a", "conv_ondemand:a"]));
        host.command(unwant(&["log:held"]));
        let orders = host.take();
        assert_eq!(orders.subscribed_on(old), ["conv_ondemand:a"]);
        assert!(orders.unsubscribed_on(old).is_empty());
        let decided = if succeeds {
            host.accept(new, resumed_at(1));
            let orders = host.take();
            assert_eq!(orders.subscribed_on(new), ["conv_ondemand:a", "log:a"]);
            assert_eq!(orders.unsubscribed_on(new), ["log:held"]);
            continue;
        } else {
            host.close(new, 1006);
            host.take()
        };
        assert_eq!(decided.subscribed_on(old), ["log:a"]);
        assert_eq!(decided.unsubscribed_on(old), ["log:held"]);
    }
}

#[test]
fn a_successor_resumes_only_when_the_current_link_s_logged_topics_are_settled() {
    let (mut host, old) = Host::connected_at(exact(), 1);
    host.command(want(&["log:a", "conv_ondemand:a"]));
    let new = host.successor();
    assert!(host.take().sent_on(new).is_empty());
    host.frame(old, ack(&["log:a"], Some(5)));
    let resume = host.take().resume_on(new);
    assert_eq!((resume.seq, names(resume.topics)), (seq(5), vec!["log:a".into(), "conv_ondemand:a".into()]));

    // The current link dies first: nothing has to match any more.
    let (mut host, old) = Host::connected_at(exact(), 1);
    host.command(want(&["log:a"]));
    let new = host.successor();
    host.take();
    host.close(old, 1006);
    assert_eq!(names(host.take().resume_on(new).topics), ["log:a"]);
}

#[test]
fn of_several_answers_for_one_topic_the_last_one_counts() {
    let said = |orders: &Orders| {
        let seq = |n: &&Notice| match n {
            Notice::SubscribeAck(ack) => ack.seq,
            _ => None,
        };
        orders.notices().iter().filter_map(seq).collect::<Vec<_>>()
    };
    let (mut host, link) = Host::connected_at(exact(), 10);
    host.command(want(&["log:a"]));
    host.command(unwant(&["log:a"]));
    host.command(want(&["log:a"]));
    let new = host.successor();
    host.take();
    host.frame(link, ack(&["log:a"], Some(11)));
    assert_eq!(said(&host.take()), [], "what comes from there on ends with the unsubscribe");
    host.frame(link, left(&["log:a"]));
    assert!(host.take().sent_on(new).is_empty(), "nobody knows yet from where on the topic comes");
    host.frame(link, ack(&["log:a"], Some(20)));
    let orders = host.take();
    assert_eq!(said(&orders), [seq(20)]);
    assert_eq!(names(orders.resume_on(new).topics), ["log:a"]);
}

#[test]
fn an_answer_is_no_news_of_a_topic_that_was_given_up_since_and_can_be_asked_for_again_only_after_a_handover()
{
    let told = |orders: &Orders| orders.has(|n| matches!(n, Notice::SubscribeAck(_)));
    let (mut host, old) = Host::connected_at(exact(), 10);
    host.command(want(&["log:a"]));
    host.command(unwant(&["log:a"]));
    let new = host.successor();
    host.command(want(&["log:a"]));
    host.take();
    host.frame(old, ack(&["log:a"], Some(11)));
    host.frame(old, left(&["log:a"]));
    let orders = host.take();
    assert!(!told(&orders), "what comes from there on ends with the unsubscribe");
    host.accept(new, resumed_at(11));
    assert_eq!(host.take().subscribed_on(new), ["log:a"]);
    host.frame(new, ack(&["log:a"], Some(20)));
    assert!(told(&host.take()));
}

#[test]
fn a_topic_is_said_to_be_delivered_from_the_cursor_on_where_its_link_is_behind_it() {
    let (mut host, old) = Host::connected_at(exact(), 10);
    let new = host.successor();
    host.event(old, "conv:a", 14, 0);
    host.accept(new, resumed_at(10));
    host.command(want(&["log:x"]));
    host.take();
    host.frame(new, ack(&["log:x"], Some(12)));
    let orders = host.take();
    assert!(orders.has(|n| matches!(n, Notice::SubscribeAck(ack) if ack.seq == Some(seq(14)))));
    host.event(new, "log:x", 13, 9);
    host.event(new, "conv:a", 14, 0);
    host.event(new, "log:x", 15, 13);
    let orders = host.take();
    assert_eq!((orders.delivered(), orders.gaps()), (vec![15], vec![]));
}

#[test]
fn the_answers_of_a_successor_are_no_news_but_those_of_a_reconnect_are() {
    let acked = |orders: &Orders| orders.has(|n| matches!(n, Notice::SubscribeAck(_)));
    let (mut host, old) = Host::connected_plainly(exact());
    host.command(want(&["conv_ondemand:a"]));
    host.frame(old, ack(&["conv_ondemand:a"], None));
    assert!(acked(&host.take()));
    let new = host.successor();
    host.accept(new, Accepted::default());
    host.frame(new, ack(&["conv_ondemand:a"], None));
    assert!(!acked(&host.take()));
    host.close(old, 1000);
    let link = reconnect(&mut host, new);
    host.accept(link, Accepted::default());
    host.frame(link, ack(&["conv_ondemand:a"], None));
    assert!(acked(&host.take()));
}

#[test]
fn a_topic_that_was_refused_is_asked_for_again_when_it_is_wanted_again() {
    let (mut host, link) = Host::connected_at(exact(), 1);
    host.command(want(&["conv_ondemand:a"]));
    host.take();
    host.frame(link, refused("conv_ondemand:a", RefusalCode::Forbidden));
    host.take();
    host.command(want(&["conv_ondemand:a"]));
    assert_eq!(host.take().subscribed_on(link), ["conv_ondemand:a"], "granted meanwhile, for all we know");

    let link = reconnect(&mut host, link);
    host.accept(link, at(1));
    host.take();
    host.frame(link, refused("conv_ondemand:a", RefusalCode::Forbidden));
    host.take();
    host.command(want(&["conv_ondemand:a"]));
    assert_eq!(host.take().subscribed_on(link), ["conv_ondemand:a"], "the resume had listed it");
}
