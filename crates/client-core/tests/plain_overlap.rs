//! A handover between plain servers: no positions, so copies are told by their text.

mod support;

use bowline_client_core::{Command, Layer, Timer};
use bowline_proto::Accepted;
use support::*;

#[test]
fn a_frame_that_both_links_bring_is_delivered_once_per_copy() {
    let (mut host, old) = Host::connected_plainly(exact());
    host.command(Command::Subscribe(topics(&["conv_ondemand:a"])));
    host.unplaced(old, None, 1);
    host.unplaced(old, None, 1); // equal frames on one link are two frames
    host.command(Command::HandOver);
    let (new, layer) = host.dial();
    assert_eq!(layer, Layer::Plain);
    host.input(bowline_client_core::Input::Opened { link: new });
    host.unplaced(old, None, 2);
    host.accept(new, Accepted::default());
    for (link, label) in [(new, 2), (new, 3), (old, 3), (old, 4), (old, 4), (new, 4), (new, 4), (new, 4)] {
        host.unplaced(link, None, label);
    }
    assert_eq!(host.take().delivered(), [1, 1, 2, 3, 4, 4, 4]);
}

#[test]
fn the_old_link_goes_when_its_topics_are_live_on_the_new_one() {
    let (mut host, old) = Host::connected_plainly(exact());
    host.command(Command::Subscribe(topics(&["conv_ondemand:a"])));
    let new = host.successor();
    host.take();
    host.accept(new, Accepted::default());
    let orders = host.take();
    assert_eq!(orders.subscribed_on(new), ["conv_ondemand:a"]);
    assert!(!orders.closes(old));
    host.unplaced(old, Some("conv_ondemand:a"), 9);
    assert_eq!(host.take().delivered(), [9]);
    host.frame(new, ack(&["conv_ondemand:a"], None));
    assert!(host.take().closes(old));
}

#[test]
fn a_server_that_never_answers_a_subscribe_does_not_keep_the_old_link() {
    let (mut host, old) = Host::connected_plainly(exact());
    host.command(Command::Subscribe(topics(&["conv_ondemand:a"])));
    let new = host.successor();
    host.accept(new, Accepted::default());
    host.take();
    host.advance_to(Timer::Retire);
    assert!(host.take().closes(old));
    host.advance_to(Timer::Retire);
    assert!(host.take().aborts(old));
}

#[test]
fn without_topics_the_old_link_goes_at_once() {
    let (mut host, old) = Host::connected_plainly(exact());
    let new = host.successor();
    host.take();
    host.accept(new, Accepted::default());
    assert!(host.take().closes(old));
}

#[test]
fn a_copy_that_comes_after_its_first_link_has_gone_is_still_a_copy() {
    let (mut host, old) = Host::connected_plainly(exact());
    let new = host.successor();
    host.accept(new, Accepted::default());
    host.unplaced(old, None, 5);
    host.close(old, 1000);
    host.unplaced(new, None, 5);
    host.unplaced(new, None, 5);
    assert_eq!(host.take().delivered(), [5, 5], "the second one on the new link is news");
    host.advance(s(6));
    host.unplaced(new, None, 5);
    assert_eq!(host.take().delivered(), [5]);
}
