//! What the application's handles and the pump share: the run from `connect` to its end, and what is still to be told.
//!
//! A *run* is one [`Connection`](crate::Connection). While there is none there is no socket and no task: a run that
//! ends is dropped, and its position and its topics are kept for the next one. Handlers are called by the pump alone,
//! in the order of what is noted here, with no lock held.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_client_core::{CloseReason, ConnectionState, SavedPosition};
use bowline_proto::Rejected;
use futures_core::Stream;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::agent::error::AgentError;
use crate::agent::hearing::Hearing;
use crate::agent::pump::Pump;
use crate::agent::state::AgentState;
use crate::agent::topics::Topics;
use crate::builder::ConnectionBuilder;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::incoming::Incoming;
use crate::streams::IncomingStream;

/// State changes that wait for a handler that takes long. Beyond it the newest replaces the one before.
const UNTOLD: usize = 64;

/// One agent's socket: configuration, listeners, and the life of its run.
pub(crate) struct Agent {
    builder: ConnectionBuilder,
    pub(crate) hearing: Hearing,
    life: Mutex<Life>,
    /// Up to which run everything has been told, its end included.
    told: watch::Sender<u64>,
}

pub(crate) struct Life {
    /// Counts runs; the newest.
    newest: u64,
    pub(crate) run: Option<Run>,
    pub(crate) state: AgentState,
    pub(crate) topics: Topics,
    /// Where the next run goes on, once a gateway has given a position.
    position: Option<SavedPosition>,
    untold: VecDeque<News>,
    pump: PumpState,
    /// The last handle is gone.
    is_abandoned: bool,
}

/// One connection.
pub(crate) struct Run {
    number: u64,
    pub(crate) connection: Connection,
    incoming: IncomingStream,
    standing: watch::Sender<Standing>,
}

/// What `connect` waits for. Acceptances are counted, so that one which was lost at once is not missed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// How often the run was accepted, handovers aside.
    acceptances: u64,
    is_accepted: bool,
    /// Why the run is over.
    over: Option<ConnectError>,
}

impl Standing {
    pub(crate) fn accepted(&mut self) {
        self.acceptances += 1;
        self.is_accepted = true;
    }

    pub(crate) fn lost(&mut self) {
        self.is_accepted = false;
    }

    pub(crate) fn ended(&mut self, error: ConnectError) {
        self.is_accepted = false;
        self.over = Some(error);
    }
}

/// Waits for the answer to one `connect`.
pub(crate) struct Awaited {
    standing: watch::Receiver<Standing>,
    /// One more acceptance than this is the answer.
    seen: u64,
}

impl Awaited {
    fn of(standing: &watch::Sender<Standing>) -> Self {
        let standing = standing.subscribe();
        let seen = {
            let now = standing.borrow();
            if now.is_accepted { now.acceptances - 1 } else { now.acceptances }
        };
        Awaited { standing, seen }
    }

    pub(crate) async fn answer(mut self) -> Result<(), ConnectError> {
        let seen = self.seen;
        let answered = |standing: &Standing| standing.acceptances > seen || standing.over.is_some();
        match self.standing.wait_for(answered).await.as_deref() {
            Ok(Standing { acceptances, .. }) if *acceptances > seen => Ok(()),
            Ok(Standing { over: Some(error), .. }) => Err(error.clone()),
            Ok(_) | Err(_) => Err(ConnectError::RuntimeGone),
        }
    }
}

/// Something that the pump tells before it takes the next item.
pub(crate) enum News {
    State(AgentState),
    Rejected(Rejected),
    Error(AgentError),
    /// What came before has been told: `connect` may answer.
    Settled(watch::Sender<Standing>, Result<(), ConnectError>),
}

enum PumpState {
    Absent,
    /// Spawned, running, or asleep with this waker.
    Alive(Option<Waker>),
}

/// What the pump does next.
pub(crate) enum Step {
    Tell(News),
    Take(Incoming, u64),
    /// The run's stream is at its end; without a reason, its runtime is.
    Over(u64, Option<CloseReason>),
    /// There is no run and nothing to tell.
    Finish,
}

impl Agent {
    pub(crate) fn new(builder: ConnectionBuilder) -> Arc<Self> {
        Arc::new(Agent {
            builder,
            hearing: Hearing::new(),
            life: Mutex::new(Life {
                newest: 0,
                run: None,
                state: AgentState::Disconnected,
                topics: Topics::default(),
                position: None,
                untold: VecDeque::new(),
                pump: PumpState::Absent,
                is_abandoned: false,
            }),
            told: watch::Sender::new(0),
        })
    }

    pub(crate) fn life(&self) -> MutexGuard<'_, Life> {
        // Nothing of the application's runs under the lock, so nothing is half done in it.
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a run, or hurries the one that there is. What to wait on.
    pub(crate) fn connect(self: &Arc<Self>) -> Result<Awaited, ConnectError> {
        let mut life = self.life();
        if let Some(run) = &life.run {
            run.hurry();
            return Ok(Awaited::of(&run.standing));
        }
        let runtime = Handle::try_current().map_err(|_| ConnectError::Other {
            message: "there is no tokio runtime here: call `connect` inside one".to_owned(),
        })?;
        let mut builder = self.builder.clone().subscribe(life.topics.to_vec());
        if let Some(position) = life.position.clone() {
            builder = builder.resume_from(position);
        }
        let connection =
            builder.connect().map_err(|error| ConnectError::Other { message: error.to_string() })?;
        let incoming = connection.events();
        let standing = watch::Sender::new(Standing::default());
        let awaited = Awaited::of(&standing);
        life.newest += 1;
        life.run = Some(Run { number: life.newest, connection, incoming, standing });
        life.enter(AgentState::Connecting);
        match &mut life.pump {
            PumpState::Alive(waker) => waker.take().into_iter().for_each(Waker::wake),
            PumpState::Absent => {
                life.pump = PumpState::Alive(None);
                drop(runtime.spawn(Pump::new(self.clone()).run()));
            }
        }
        Ok(awaited)
    }

    /// Ends the run, if there is one: its socket is closed in the background, and nothing more of it is told.
    pub(crate) fn disconnect(&self) -> Disconnecting {
        let mut life = self.life();
        let newest = life.newest;
        let run = life.end_run(newest);
        if run.is_some() {
            life.enter(AgentState::Disconnected);
            life.wake_pump();
        }
        drop(life);
        let driver = run.map(|run| {
            run.standing.send_modify(|standing| standing.ended(ConnectError::Closed));
            // Dropping the last handle of a connection is what closes it.
            run.connection.state()
        });
        Disconnecting::until(driver, self.told.subscribe(), newest)
    }

    /// No handle is left.
    pub(crate) fn abandon(&self) {
        drop(self.disconnect());
        let mut life = self.life();
        life.is_abandoned = true;
        let nobody_else_ends_it = matches!(life.pump, PumpState::Absent);
        drop(life);
        if nobody_else_ends_it {
            self.hearing.end();
        }
    }

    /// The pump's next step.
    pub(crate) fn poll_step(&self, cx: &mut Context<'_>) -> Poll<Step> {
        let mut life = self.life();
        if let Some(news) = life.untold.pop_front() {
            return Poll::Ready(Step::Tell(news));
        }
        let step = match &mut life.run {
            None => {
                life.pump = PumpState::Absent;
                Poll::Ready(Step::Finish)
            }
            Some(run) => run.poll(cx, &self.hearing),
        };
        let told = life.newest - u64::from(life.run.is_some());
        if step.is_pending() {
            life.pump = PumpState::Alive(Some(cx.waker().clone()));
        }
        let is_the_end = life.is_abandoned && life.run.is_none();
        drop(life);
        self.told.send_if_modified(|before| core::mem::replace(before, told) != told);
        if is_the_end {
            self.hearing.end();
        }
        step
    }

    /// The pump is gone without having finished: its runtime shut down.
    pub(crate) fn pump_dropped(&self) {
        let mut life = self.life();
        life.pump = PumpState::Absent;
        let newest = life.newest;
        let run = life.end_run(newest);
        life.state = AgentState::Disconnected;
        life.untold.clear();
        drop(life);
        if let Some(run) = run {
            run.standing.send_modify(|standing| standing.ended(ConnectError::RuntimeGone));
        }
        self.told.send_replace(newest);
        self.hearing.end();
    }
}

impl Life {
    /// Notes a state and that it is to be told, if it is another one.
    pub(crate) fn enter(&mut self, state: AgentState) {
        if self.state == state {
            return;
        }
        self.state = state;
        if self.untold.len() >= UNTOLD
            && let Some(News::State(last)) = self.untold.back_mut()
        {
            *last = state;
            return;
        }
        self.untold.push_back(News::State(state));
    }

    pub(crate) fn tell(&mut self, news: News) {
        self.untold.push_back(news);
    }

    /// The run, if it is still this one.
    pub(crate) fn run(&self, number: u64) -> Option<&Run> {
        self.run.as_ref().filter(|run| run.number == number)
    }

    /// Takes the run out, with what the next one needs to know. Whoever drops it closes its connection.
    pub(crate) fn end_run(&mut self, number: u64) -> Option<Run> {
        let run = self.run.take_if(|run| run.number == number)?;
        let position = run.connection.position();
        // Without a cursor there is nothing to go on from; "from the oldest event" is not what was asked for.
        if position.cursor.is_some() {
            self.position = Some(position);
        }
        Some(run)
    }

    fn wake_pump(&mut self) {
        if let PumpState::Alive(waker) = &mut self.pump {
            waker.take().into_iter().for_each(Waker::wake);
        }
    }
}

impl Run {
    /// An attempt that waits for its turn starts now.
    fn hurry(&self) {
        let is_over = matches!(
            *self.connection.state().borrow(),
            ConnectionState::Closed(_) | ConnectionState::Closing
        );
        if !is_over {
            // Refused only when the connection's runtime is gone, which the pump tells.
            let _ = self.connection.connect_again();
        }
    }

    /// Where all who wait for `connect` look.
    pub(crate) fn standing(&self) -> watch::Sender<Standing> {
        self.standing.clone()
    }

    fn poll(&mut self, cx: &mut Context<'_>, hearing: &Hearing) -> Poll<Step> {
        if hearing.poll_room(cx).is_pending() {
            return Poll::Pending;
        }
        Pin::new(&mut self.incoming).poll_next(cx).map(|item| match item {
            Some(item) => Step::Take(item, self.number),
            None => match &*self.connection.state().borrow() {
                ConnectionState::Closed(reason) => Step::Over(self.number, Some(reason.clone())),
                _ => Step::Over(self.number, None),
            },
        })
    }
}

/// The way down: made by [`AgentSocket::disconnect`](crate::AgentSocket::disconnect), which has already happened.
/// Await it to know that the socket is gone and no handler will be called for it any more; drop it if you don't care.
pub struct Disconnecting {
    gone: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Disconnecting {
    fn until<S: Send + Sync + 'static>(
        driver: Option<watch::Receiver<S>>,
        mut told: watch::Receiver<u64>,
        number: u64,
    ) -> Self {
        let gone = Box::pin(async move {
            if let Some(mut driver) = driver {
                // The driver's end of the channel goes with the driver.
                while driver.changed().await.is_ok() {}
            }
            // Fails when the socket itself is gone, and then there is nothing to tell.
            let _ = told.wait_for(|told| *told >= number).await;
        });
        Disconnecting { gone }
    }
}

impl Future for Disconnecting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.gone.as_mut().poll(cx)
    }
}

impl fmt::Debug for Disconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disconnecting").finish_non_exhaustive()
    }
}
