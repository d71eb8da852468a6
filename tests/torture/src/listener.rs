//! A native client with habits, which writes down everything it is handed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bowline::{ActivityStatus, Connection, Incoming, SavedPosition, Topic};
use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::book::Book;
use crate::diary::Diary;
use crate::gateway::{TortureError, error};
use crate::publisher::Marks;

/// How an application lives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Habits {
    /// A planned reconnect this often.
    pub(crate) proactive: Option<Duration>,
    /// A pause after every so many events.
    pub(crate) pause: Option<(u64, Duration)>,
    /// The process dies this often and goes on from its saved position.
    pub(crate) restarts: Option<Duration>,
    /// It saves after every so many items. Saving each is what counts as never losing anything.
    pub(crate) saves_every: u64,
    /// A conversation whose activity it follows and takes part in.
    pub(crate) conversation: Option<String>,
    /// How many items may wait for it; 0 is the default.
    pub(crate) queue: usize,
    /// Backoff of 50 ms to 1 s instead of the default: under constant faults the default would mostly wait.
    pub(crate) is_eager: bool,
}

/// A listener at work.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: String,
    /// What it is waited for.
    pub(crate) topics: Vec<Topic>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    diary: Mutex<Diary>,
    /// Everything up to here is behind the application.
    reached: AtomicU64,
    /// Its process dies no more of itself.
    is_settled: AtomicBool,
}

impl Shared {
    fn diary(&self) -> MutexGuard<'_, Diary> {
        self.diary.lock().expect("the writer does not panic")
    }
}

impl Listener {
    /// Connects and waits until the gateway has accepted.
    pub(crate) async fn connect(
        name: &str,
        url: &str,
        token: String,
        habits: Habits,
        book: &Book,
    ) -> Result<Self, TortureError> {
        let shared = Arc::new(Shared {
            diary: Mutex::new(Diary::new(name, book)),
            reached: AtomicU64::new(0),
            is_settled: AtomicBool::new(false),
        });
        let (stop, stopped) = watch::channel(false);
        let life = Life { url: url.to_string(), token, habits, shared: Arc::clone(&shared), stopped };
        let connection = life.connect(None)?;
        let accepted = tokio::time::timeout(ACCEPTED_WITHIN, connection.ready()).await;
        accepted.map_err(|_| error(format!("{name} was not accepted")))?.map_err(error)?;
        let task = tokio::spawn(life.go_on(connection));
        Ok(Listener { name: name.to_string(), topics: Vec::new(), shared, stop, task })
    }

    /// Says what it hears.
    pub(crate) fn of(mut self, topics: Vec<Topic>) -> Self {
        self.topics = topics;
        self
    }

    /// Whether everything up to `seq` has been handed over.
    pub(crate) fn has_reached(&self, seq: u64) -> bool {
        self.shared.reached.load(Ordering::Relaxed) >= seq
    }

    /// Whether everything of its own topics that `marks` tells of has been handed over.
    pub(crate) fn has_all(&self, marks: &Marks) -> bool {
        self.has_reached(marks.last_of(&self.topics))
    }

    /// Where it stands, in words.
    pub(crate) fn standing(&self, marks: &Marks) -> String {
        let reached = self.shared.reached.load(Ordering::Relaxed);
        format!("{} stands at {reached}, not at {}", self.name, marks.last_of(&self.topics))
    }

    /// Waits until `seq` has been handed over, at most `patience`.
    pub(crate) async fn reach(&self, seq: u64, patience: Duration) {
        let start = Instant::now();
        while start.elapsed() < patience && !self.has_reached(seq) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the loss of a link has been noticed `count` times, at most `patience`.
    pub(crate) async fn noticed(&self, count: u64, patience: Duration) -> Option<Duration> {
        self.wait(patience, |diary| diary.losses >= count).await
    }

    /// Waits until the number of links accepted after the first is at least `count`, at most `patience`.
    pub(crate) async fn reconnected(&self, count: u64, patience: Duration) -> Option<Duration> {
        self.wait(patience, |diary| diary.reconnects >= count).await
    }

    async fn wait(&self, patience: Duration, is_reached: impl Fn(&Diary) -> bool) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if is_reached(&self.shared.diary()) {
                return Some(start.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }

    /// From now on its process dies no more: what it is handed stays.
    pub(crate) fn settle(&self) {
        self.shared.is_settled.store(true, Ordering::Relaxed);
    }

    /// Closes, and hands out what was seen.
    pub(crate) async fn finish(self) -> Diary {
        self.stop.send_replace(true);
        let _ = tokio::time::timeout(Duration::from_secs(8), self.task).await;
        std::mem::replace(&mut *self.shared.diary(), Diary::new(&self.name, &Book::default()))
    }
}

/// How long the first link may take on a loaded machine.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(60);
/// How long an application waits that was turned away for good, before it asks again.
const ASKS_AGAIN_AFTER: Duration = Duration::from_millis(500);

struct Life {
    url: String,
    token: String,
    habits: Habits,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
}

/// How a process's life ended.
enum End {
    Stopped,
    Died,
    TurnedAway,
}

impl Life {
    fn connect(&self, saved: Option<SavedPosition>) -> Result<Connection, TortureError> {
        let mut builder = Connection::builder(&self.url).token(self.token.clone());
        if let Some(every) = self.habits.proactive {
            builder = builder.proactive_reconnect(every);
        }
        if let Some(id) = &self.habits.conversation {
            let topic = Topic::new(&format!("conv_ondemand:{id}")).map_err(error)?;
            builder = builder.subscribe([topic]);
        }
        if self.habits.queue > 0 {
            builder = builder.queue(self.habits.queue, 1 << 20);
        }
        if self.habits.is_eager {
            builder = builder.backoff(Duration::from_millis(50), Duration::from_secs(1));
        }
        if let Some(saved) = saved {
            builder = builder.resume_from(saved);
        }
        builder.connect().map_err(error)
    }

    async fn go_on(mut self, mut connection: Connection) {
        let mut saved = None;
        loop {
            match self.read(&connection, &mut saved).await {
                End::Stopped => return connection.close().await,
                End::Died => {
                    let from = saved.as_ref().and_then(|saved: &SavedPosition| saved.cursor);
                    let reached = from.map_or(0, |cursor| cursor.seq.get());
                    self.shared.reached.store(reached, Ordering::Relaxed);
                    self.shared.diary().restarted(from);
                    match self.connect(saved.clone()) {
                        Ok(next) => connection = next,
                        Err(error) => return self.shared.diary().complain(&error.to_string()),
                    }
                }
                End::TurnedAway => {
                    tokio::time::sleep(ASKS_AGAIN_AFTER).await;
                    if let Err(error) = connection.connect_again() {
                        return self.shared.diary().complain(&format!("can't connect again: {error}"));
                    }
                }
            }
        }
    }

    async fn read(&mut self, connection: &Connection, saved: &mut Option<SavedPosition>) -> End {
        let mut events = connection.events();
        let mut dies_at = self.habits.restarts.map(|after| tokio::time::Instant::now() + after);
        let (mut taken, mut unsaved) = (0_u64, 0_u64);
        loop {
            let death = async {
                match dies_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let incoming = tokio::select! {
                _ = self.stopped.wait_for(|stopped| *stopped) => return End::Stopped,
                incoming = events.next() => incoming,
                () = death, if saved.is_some() => {
                    if !self.shared.is_settled.load(Ordering::Relaxed) {
                        return End::Died;
                    }
                    dies_at = None;
                    continue;
                }
            };
            let Some(incoming) = incoming else { return End::TurnedAway };
            let position = connection.position();
            {
                let mut diary = self.shared.diary();
                diary.enter(&incoming, position.cursor.map(|cursor| cursor.epoch));
                unsaved += 1;
                if let Some(cursor) = position.cursor
                    && unsaved >= self.habits.saves_every
                {
                    diary.save(cursor);
                    unsaved = 0;
                    *saved = Some(position.clone());
                }
            }
            if let Some(cursor) = position.cursor {
                self.shared.reached.store(cursor.seq.get(), Ordering::Relaxed);
            }
            if matches!(incoming, Incoming::Event(_)) {
                taken += 1;
                self.act(connection, taken).await;
            }
        }
    }

    /// What the habits ask for after event number `taken`.
    async fn act(&self, connection: &Connection, taken: u64) {
        if let Some((every, pause)) = self.habits.pause
            && taken.is_multiple_of(every)
        {
            tokio::time::sleep(pause).await;
        }
        if let Some(id) = &self.habits.conversation
            && taken.is_multiple_of(100)
        {
            // Refused only when the connection is closed.
            let _ = connection.send_activity(id.as_str(), ActivityStatus::Typing);
        }
    }
}
