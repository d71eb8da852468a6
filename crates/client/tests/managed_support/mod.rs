//! Managed sockets over pipes within the process, so that time may be virtual; and the count of tasks at the end.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of this module")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline::{
    Client, ClientBuilder, CredentialMode, Dial, DialFailure, DialRequest, Emitter, ManagedSocket,
    SocketOptions, SocketState, WebSocket, upgrade,
};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::{self, Io, Peer, soon};

/// The server's end of every pipe.
pub struct Pipes {
    ends: mpsc::Receiver<(DuplexStream, String)>,
    world: Arc<World>,
}

pub struct World {
    is_down: AtomicBool,
    /// When each dial began.
    dials: Mutex<Vec<Instant>>,
}

pub struct PipeDial {
    ends: mpsc::Sender<(DuplexStream, String)>,
    world: Arc<World>,
}

impl Dial for PipeDial {
    type Socket = WebSocket<DuplexStream>;

    async fn dial(&self, request: DialRequest) -> Result<Self::Socket, DialFailure> {
        let down = || DialFailure::Temporary { retry_after: None, message: "the pipe is down".into() };
        self.world.dials.lock().unwrap().push(Instant::now());
        if self.world.is_down.load(Ordering::SeqCst) {
            return Err(down());
        }
        let (near, far) = tokio::io::duplex(64 * 1024);
        self.ends.send((far, request.uri().to_owned())).await.map_err(|_| down())?;
        upgrade(&request, near).await
    }
}

impl Pipes {
    pub async fn next(&mut self) -> Peer {
        let (far, uri) = soon(self.ends.recv()).await.expect("the client lives");
        let target = uri.split_once("in.memory").expect("the host").1;
        let io: Box<dyn Io> = Box::new(far);
        soon(support::upgrade(io, format!("GET {target} "))).await.expect("a WebSocket")
    }

    /// Forgets the dials that nobody has answered.
    pub fn forget(&mut self) {
        while self.ends.try_recv().is_ok() {}
    }

    /// From now on every dial fails, or none.
    pub fn down(&self, is_down: bool) {
        self.world.is_down.store(is_down, Ordering::SeqCst);
    }

    pub fn dials(&self) -> Vec<Instant> {
        self.world.dials.lock().unwrap().clone()
    }

    /// The times between the dials.
    pub fn pauses(&self) -> Vec<Duration> {
        self.dials().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// True when no dial comes within `time`.
    pub async fn are_quiet_for(&mut self, time: Duration) -> bool {
        let before = self.dials().len();
        tokio::time::sleep(time).await;
        self.dials().len() == before
    }
}

/// A client whose sockets go over pipes, with the token in a header.
pub fn client() -> (Client, Pipes) {
    client_with(|builder| builder)
}

pub fn client_with(change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> (Client, Pipes) {
    let (sender, ends) = mpsc::channel(16);
    let world = Arc::new(World { is_down: AtomicBool::new(false), dials: Mutex::default() });
    let dial = PipeDial { ends: sender, world: world.clone() };
    let builder =
        Client::builder("ws://in.memory").credential(CredentialMode::Header).token_provider("t0ken");
    (change(builder.dial(dial)).build().unwrap(), Pipes { ends, world })
}

/// A socket of thread-1 and its server's end, accepted and open.
pub async fn open(client: &Client, pipes: &mut Pipes, options: SocketOptions) -> (ManagedSocket, Peer) {
    let socket = soon(client.websocket().connect_to_chat_with("thread-1", options)).await.unwrap();
    let mut peer = pipes.next().await;
    peer.accept(0).await;
    until(&socket, SocketState::Open).await;
    (socket, peer)
}

/// Waits for a state.
pub async fn until(socket: &ManagedSocket, state: SocketState) {
    let waited = async {
        while socket.state() != state {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let state_now = || format!("{state} was awaited, it is {}: {:?}", socket.state(), socket.last_error());
    tokio::time::timeout(Duration::from_secs(600), waited)
        .await
        .unwrap_or_else(|_| panic!("{}", state_now()));
}

/// Notes what an emitter tells, as text.
pub fn notes<T: 'static>(emitter: &Emitter<T>, to_text: impl Fn(&T) -> String + Send + 'static) -> Notes {
    let notes = Notes::default();
    let into = notes.clone();
    emitter.subscribe(move |value| into.0.lock().unwrap().push(to_text(value))).detach();
    notes
}

#[derive(Clone, Default)]
pub struct Notes(pub Arc<Mutex<Vec<String>>>);

impl Notes {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub async fn until(&self, count: usize) -> Vec<String> {
        soon(async {
            while self.all().len() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        self.all()
    }
}

/// Every test ends with this: nothing that was started is left running.
pub async fn no_task_is_left() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    soon(async {
        while alive() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
