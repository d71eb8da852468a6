//! Sockets of one's own, and certificates of one's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bowline::{
    BuildError, CloseCode, ConnectError, Dial, DialFailure, DialRequest, Outgoing, Received, TungsteniteDial,
    WebSocket, upgrade,
};
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use support::{Io, Peer, Server, next_seqs, quick, soon};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// WebSocket over a pipe within the process.
struct PipeDial {
    ends: mpsc::Sender<(DuplexStream, String)>,
}

impl Dial for PipeDial {
    type Socket = WebSocket<DuplexStream>;

    async fn dial(&self, request: DialRequest) -> Result<Self::Socket, DialFailure> {
        let (near, far) = tokio::io::duplex(4096);
        let down = |_| DialFailure::Temporary { retry_after: None, message: "the pipe is gone".into() };
        self.ends.send((far, request.uri().to_owned())).await.map_err(down)?;
        upgrade(&request, near).await
    }
}

#[tokio::test]
async fn a_dial_of_ones_own_may_go_over_a_pipe() {
    let (ends, mut pipes) = mpsc::channel(1);
    let connection =
        quick("ws://in.memory/agent".into()).token("t").dial(PipeDial { ends }).connect().unwrap();
    let mut events = connection.events();
    for round in 0..2u64 {
        let (far, uri) = soon(pipes.recv()).await.unwrap();
        let io: Box<dyn Io> = Box::new(far);
        let mut peer: Peer = soon(support::upgrade(io, format!("GET {uri} "))).await.unwrap();
        if round == 0 {
            assert_eq!(uri, "ws://in.memory/agent");
            peer.accept(0).await;
        } else {
            assert_eq!(uri, "ws://in.memory/agent?resume=1");
            peer.accept_resume().await;
        }
        peer.event(round + 1, round).await;
        assert_eq!(next_seqs(&mut events, 1).await, [round + 1]);
    }
}

/// Text frames over channels: no WebSocket at all.
struct ChannelDial {
    far: mpsc::Sender<(mpsc::Receiver<Outgoing>, mpsc::Sender<Received>)>,
}

struct Channels {
    incoming: mpsc::Receiver<Received>,
    outgoing: mpsc::Sender<Outgoing>,
}

impl futures_core::Stream for Channels {
    type Item = Received;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Received>> {
        self.incoming.poll_recv(cx)
    }
}

impl futures_util::Sink<Outgoing> for Channels {
    type Error = std::io::Error;
    fn poll_ready(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }
    fn start_send(self: std::pin::Pin<&mut Self>, item: Outgoing) -> Result<(), Self::Error> {
        self.outgoing.try_send(item).map_err(std::io::Error::other)
    }
    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }
    fn poll_close(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }
}

impl Dial for ChannelDial {
    type Socket = Channels;

    async fn dial(&self, _: DialRequest) -> Result<Channels, DialFailure> {
        let (outgoing, theirs) = mpsc::channel(16);
        let (ours, incoming) = mpsc::channel(16);
        let down = |_| DialFailure::Refused { message: "nobody is there".into() };
        self.far.send((theirs, ours)).await.map_err(down)?;
        Ok(Channels { incoming, outgoing })
    }
}

#[tokio::test]
async fn a_socket_of_ones_own_carries_text_frames() {
    let (far, mut sockets) = mpsc::channel(1);
    let connection = quick("ws://nowhere/".into()).dial(ChannelDial { far }).connect().unwrap();
    let mut events = connection.events();
    let (mut from_client, to_client) = soon(sockets.recv()).await.unwrap();
    for frame in [support::accepted(0, false), support::event(1, 0)] {
        to_client.send(Received::Text(frame.to_string().into())).await.unwrap();
    }
    assert_eq!(next_seqs(&mut events, 1).await, [1]);
    connection.send("own").unwrap();
    assert_eq!(soon(from_client.recv()).await, Some(Outgoing::Text("own".into())));
    let closing = tokio::spawn(async move { connection.close().await });
    assert_eq!(soon(from_client.recv()).await, Some(Outgoing::Close(CloseCode::NORMAL)));
    to_client.send(Received::Closed(CloseCode::NORMAL)).await.unwrap();
    soon(closing).await.unwrap();
}

/// A certificate authority of the test's own, and a server for `localhost` that it vouches for.
fn own_ca() -> (String, TlsAcceptor) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (ca.pem(), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named() {
    let (pem, tls) = own_ca();
    let mut server = Server::with_tls(Some(tls)).await;
    server.answer_ticket(201, r#"{"ticket":"over-tls"}"#);
    let network = TungsteniteDial::new().root_certificates(&pem).unwrap();
    let connection = quick(format!("wss://localhost:{}/agent", server.port()))
        .token("t")
        .credential(bowline::CredentialMode::Ticket)
        .network(network)
        .connect()
        .unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    assert_eq!((peer.target(), peer.authorization()), ("/agent", Some("Ticket over-tls")));
    peer.accept(0).await;
    soon(connection.ready()).await.unwrap();
    for seq in 1..=100 {
        peer.event(seq, seq - 1).await;
    }
    assert!(next_seqs(&mut events, 100).await.into_iter().eq(1..=100));
    let closed = tokio::spawn(async move { peer.closed().await });
    soon(connection.close()).await;
    assert_eq!(soon(closed).await.unwrap(), Some(1000));
}

#[tokio::test]
async fn an_unknown_authority_is_refused_with_a_way_out() {
    let (_, tls) = own_ca();
    let (another, _) = own_ca();
    let server = Server::with_tls(Some(tls)).await;
    let network = TungsteniteDial::new().root_certificates(&another).unwrap();
    let url = format!("https://localhost:{}/agent", server.port());
    let connection = quick(url).network(network).connect().unwrap();
    let error = soon(connection.ready()).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Unreachable { message } if message.contains("root_certificates")),
        "{error}"
    );
}

#[tokio::test]
async fn no_credential_shows_in_what_is_printed() -> Result<(), BuildError> {
    let mut server = Server::start().await;
    server.refuse_upgrade(403);
    let url = server.url("/agent?token=hunter2");
    let builder = quick(url).token("hunter3").credential(bowline::CredentialMode::UrlToken);
    assert!(!format!("{builder:?}").contains("hunter"));
    let connection = builder.connect()?;
    let mut events = connection.events();
    let error = soon(connection.ready()).await.unwrap_err();
    let mut printed = format!("{error} {error:?} {connection:?} {events:?}");
    while let Some(item) = soon(events.next()).await {
        printed.push_str(&format!("{item:?}"));
    }
    assert!(!printed.contains("hunter"), "{printed}");
    assert!(server.is_quiet_for(Duration::from_millis(50)).await);
    Ok(())
}

#[tokio::test]
async fn a_ping_of_the_server_is_answered() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut peer = server.next().await;
    peer.accept(0).await;
    soon(connection.ready()).await.unwrap();
    let ping = tokio_tungstenite::tungstenite::Message::Ping("are you there".into());
    peer.socket.send(ping).await.unwrap();
    loop {
        match soon(peer.socket.next()).await.unwrap().unwrap() {
            tokio_tungstenite::tungstenite::Message::Pong(data) => {
                assert_eq!(&data[..], b"are you there");
                break;
            }
            _ => continue,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_is_replaced_before_the_network_would_cut_it() {
    let (far, mut sockets) = mpsc::channel(1);
    let connection = quick("ws://nowhere/".into()).dial(ChannelDial { far }).connect().unwrap();
    let (mut from_client, to_client) = sockets.recv().await.unwrap();
    to_client.send(Received::Text(support::accepted(0, false).to_string().into())).await.unwrap();
    connection.ready().await.unwrap();
    let start = tokio::time::Instant::now();
    let mut pings = 0;
    let (mut from_client, to_client) = loop {
        tokio::select! {
            socket = sockets.recv() => break socket.unwrap(),
            frame = from_client.recv() => {
                assert_eq!(frame, Some(Outgoing::Text(r#"{"action":"ping"}"#.into())));
                pings += 1;
                to_client.send(Received::Text(r#"{"action":"pong","seq":0}"#.into())).await.unwrap();
            }
        }
    };
    // 110 minutes, at most 5 % earlier; quiet for each heartbeat of 15 s.
    let age = start.elapsed();
    assert!(Duration::from_secs(6270) <= age && age <= Duration::from_secs(6600), "{age:?}");
    assert!((400..=440).contains(&pings), "{pings} pings");
    assert!(matches!(from_client.recv().await, Some(Outgoing::Text(text)) if text.contains("\"resume\"")));
    drop(to_client);
}
