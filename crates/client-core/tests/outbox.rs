//! Messages wait for a link in order, up to a bound.

mod support;

use bowline_client_core::{Command, CommandError, MessageId};
use support::*;

fn send(id: u64, bytes: usize) -> Command {
    Command::Send { message: MessageId(id), bytes }
}

#[test]
fn what_waited_goes_first_and_in_order() {
    let mut host = Host::new(exact());
    host.command(send(1, 10));
    host.command(Command::Connect);
    host.command(send(2, 10));
    let link = host.open();
    host.command(send(3, 10));
    assert!(host.take().messages().is_empty());
    host.accept(link, at(1));
    host.command(send(4, 10));
    assert_eq!(host.take().messages(), [1, 2, 3, 4].map(|id| (link, MessageId(id))));
}

#[test]
fn a_message_beyond_a_bound_is_refused_and_none_is_dropped() {
    for (config, full) in [
        (exact().outbox_messages(2), CommandError::OutboxFull { messages: 2, bytes: 20 }),
        (exact().outbox_bytes(25), CommandError::OutboxFull { messages: 2, bytes: 20 }),
    ] {
        let mut host = Host::new(config);
        host.command(send(1, 10));
        host.command(send(2, 10));
        assert_eq!(host.core.command(host.now, send(3, 10)), Err(full));
        host.command(Command::Connect);
        let link = host.open();
        host.accept(link, at(1));
        assert_eq!(host.take().messages(), [1, 2].map(|id| (link, MessageId(id))));
        host.close(link, 1006);
        host.command(send(4, 20));
    }
    let mut host = Host::new(exact().outbox_bytes(25));
    assert!(host.core.command(host.now, send(1, usize::MAX)).is_err());
}

#[test]
fn during_a_handover_the_current_link_carries_and_then_the_new_one() {
    let (mut host, old) = Host::connected_at(exact(), 1);
    let new = host.successor();
    host.command(send(1, 1));
    host.accept(new, resumed_at(1));
    host.command(send(2, 1));
    assert_eq!(host.take().messages(), [(old, MessageId(1)), (new, MessageId(2))]);
}
