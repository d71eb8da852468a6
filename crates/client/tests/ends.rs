//! How a connection ends: by `close` at any moment, by dropping the handle, with the runtime.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bowline::{CloseReason, CommandError, ConnectError, Connection, ConnectionState};
use futures_util::StreamExt;
use support::{Server, next_seqs, quick, soon};
use tokio::net::TcpListener;

const PROMPT: Duration = Duration::from_secs(2);

/// Closes and checks that it is over, promptly and for good.
async fn close(connection: &Connection) {
    tokio::time::timeout(PROMPT, connection.close()).await.expect("a close is prompt");
    assert_eq!(*connection.state().borrow(), ConnectionState::Closed(CloseReason::Asked));
    assert_eq!(connection.send("late"), Err(CommandError::Closed));
    assert_eq!(connection.ready().await, Err(ConnectError::Closed));
    tokio::time::timeout(PROMPT, connection.close()).await.expect("closing twice does no harm");
}

#[tokio::test]
async fn close_while_the_token_provider_thinks_cancels_it() {
    struct SetOnDrop(Arc<AtomicBool>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let server = Server::start().await;
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = cancelled.clone();
    let thinks = move || {
        let guard = SetOnDrop(flag.clone());
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    };
    let connection = quick(server.url("/agent")).token(thinks).connect().unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!cancelled.load(Ordering::SeqCst));
    close(&connection).await;
    tokio::task::yield_now().await;
    assert!(cancelled.load(Ordering::SeqCst));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn close_while_the_handshake_hangs_drops_the_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/agent", listener.local_addr().unwrap());
    let connection = quick(url).connect().unwrap();
    let (mut hanging, _) = soon(listener.accept()).await.unwrap();
    close(&connection).await;
    let mut rest = Vec::new();
    soon(tokio::io::AsyncReadExt::read_to_end(&mut hanging, &mut rest)).await.unwrap();
    assert!(rest.starts_with(b"GET /agent HTTP/1.1\r\n"));
}

#[tokio::test]
async fn close_before_the_server_accepted() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut peer = server.next().await;
    let closed = tokio::spawn(async move { peer.closed().await });
    close(&connection).await;
    let code = soon(closed).await.unwrap();
    assert!(matches!(code, None | Some(1000)), "{code:?}");
}

#[tokio::test]
async fn close_while_connected_says_1000() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    peer.accept(0).await;
    peer.event(1, 0).await;
    soon(connection.ready()).await.unwrap();
    let closed = tokio::spawn(async move { peer.closed().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    close(&connection).await;
    assert_eq!(soon(closed).await.unwrap(), Some(1000));
    // What had come may still be taken; then the stream ends.
    assert_eq!(next_seqs(&mut events, 1).await, [1]);
    while soon(events.next()).await.is_some() {}
    assert!(server.is_quiet_for(Duration::from_millis(100)).await);
}

#[tokio::test]
async fn close_while_waiting_for_the_next_attempt() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let hour = Duration::from_secs(3600);
    let connection = Connection::builder(format!("ws://{gone}/")).backoff(hour, hour).connect().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    close(&connection).await;
}

#[tokio::test]
async fn close_in_the_middle_of_a_handover_ends_both_links() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut old = server.next().await;
    old.accept(0).await;
    soon(connection.ready()).await.unwrap();
    connection.hand_over().unwrap();
    let mut new = server.next().await;
    new.expect("resume").await;
    let ends = tokio::spawn(async move { (old.closed().await, new.closed().await) });
    close(&connection).await;
    assert_eq!(soon(ends).await.unwrap().0, Some(1000));
}

#[tokio::test]
async fn a_server_that_never_answers_the_close_is_left_behind() {
    let mut server = Server::start().await;
    let deadline = Duration::from_millis(100);
    let connection =
        quick(server.url("/agent")).configure(|config| config.close_deadline(deadline)).connect().unwrap();
    let mut peer = server.next().await;
    peer.accept(0).await;
    soon(connection.ready()).await.unwrap();
    // The peer is kept, and read by nobody.
    close(&connection).await;
    drop(peer);
}

#[tokio::test]
async fn dropping_the_handle_closes_the_socket_and_leaves_no_task() {
    let mut server = Server::start().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let connection = quick(server.url("/agent")).connect().unwrap();
    let copy = connection.clone();
    let mut events = connection.events();
    let mut peer = server.next().await;
    peer.accept(0).await;
    soon(connection.ready()).await.unwrap();
    drop(connection);
    // A copy is a handle as well.
    peer.event(1, 0).await;
    assert_eq!(next_seqs(&mut events, 1).await, [1]);
    drop(copy);
    assert_eq!(peer.closed().await, Some(1000));
    while soon(events.next()).await.is_some() {}
    drop((peer, events));
    soon(async {
        while tasks() > before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_the_handle_at_once_leaves_no_task() {
    let server = Server::start().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    drop(quick(server.url("/agent")).connect().unwrap());
    soon(async {
        while tasks() > before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[test]
fn a_runtime_that_shuts_down_takes_the_connection_along_without_a_panic() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (connection, mut events) = runtime.block_on(async {
        let mut server = Server::start().await;
        let connection = quick(server.url("/agent")).connect().unwrap();
        let events = connection.events();
        let mut peer = server.next().await;
        peer.accept(0).await;
        peer.event(1, 0).await;
        soon(connection.ready()).await.unwrap();
        (connection, events)
    });
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(connection.ready().await, Err(ConnectError::RuntimeGone));
        assert_eq!(connection.send("x"), Err(CommandError::Closed));
        assert_eq!(connection.connect_again(), Err(CommandError::Closed));
        soon(connection.close()).await;
        while soon(events.next()).await.is_some() {}
        assert!(soon(connection.state().changed()).await.is_err(), "the channel is closed");
    });
}
