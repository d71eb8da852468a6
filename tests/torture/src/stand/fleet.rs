//! Who listens on a stand, to what, and with which habits.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bowline_proto::Topic;

use crate::account;
use crate::book::Book;
use crate::cli_listener::{CliHabits, CliListener};
use crate::gateway::{Gateway, TortureError, error};
use crate::listener::{Habits, Listener};
use crate::random::Random;

/// What a fleet is made from.
pub(super) struct Fleet<'a> {
    pub(super) gateway: &'a Gateway,
    /// Where everybody connects: the proxy.
    pub(super) addr: SocketAddr,
    pub(super) topics: &'a [Topic],
    pub(super) book: &'a Book,
    pub(super) random: Random,
}

/// The conversation whose activity some follow.
const CONVERSATION: &str = "torture";

impl Fleet<'_> {
    pub(super) async fn natives(&mut self, count: usize) -> Result<Vec<Listener>, TortureError> {
        let url = format!("ws://{}/agent", self.addr);
        let mut connecting = Vec::new();
        for index in 0..count {
            let name = format!("native-{index}");
            let habits = self.habits(index);
            let mut topics = self.topics_of(index);
            if habits.conversation.is_some() {
                topics.push(Topic::new(&format!("conv:{CONVERSATION}")).map_err(error)?);
            }
            account::grant(self.gateway, self.book, &name, &topics)?;
            let token = account::token(self.gateway, &name, None)?;
            let (url, book) = (url.clone(), self.book.clone());
            connecting.push(async move {
                let listener = Listener::connect(&name, &url, token, habits, &book).await?;
                Ok::<_, TortureError>(listener.of(topics))
            });
        }
        futures_util::future::try_join_all(connecting).await
    }

    pub(super) fn listeners(&mut self, dir: &Path, count: usize) -> Result<Vec<CliListener>, TortureError> {
        let mut listeners = Vec::new();
        for index in 0..count {
            let name = format!("listener-{index}");
            account::grant(self.gateway, self.book, &name, self.topics)?;
            let proactive_ms = (index % 2 == 1).then(|| self.random.between(700, 3_000));
            let habits = CliHabits { is_from_oldest: index % 3 == 2, proactive_ms, addr: self.addr };
            listeners.push(CliListener::start(self.gateway, dir, &name, habits)?);
        }
        Ok(listeners)
    }

    /// Everything, every second topic, or three.
    fn topics_of(&mut self, index: usize) -> Vec<Topic> {
        match index % 4 {
            0 | 1 => self.topics.to_vec(),
            2 => self.topics.iter().step_by(2).cloned().collect(),
            _ => {
                let mut topics = self.topics.to_vec();
                self.random.shuffle(&mut topics);
                topics.truncate(3);
                topics
            }
        }
    }

    fn habits(&mut self, index: usize) -> Habits {
        let plain = Habits { is_eager: true, saves_every: 1, ..Habits::default() };
        let random = &mut self.random;
        let millis = |random: &mut Random, low, high| Duration::from_millis(random.between(low, high));
        match index % 7 {
            0 => plain,
            1 | 2 => Habits { proactive: Some(millis(random, 600, 1_500)), ..plain },
            3 => Habits { pause: Some((20, Duration::from_millis(15))), queue: 32, ..plain },
            4 => Habits {
                restarts: Some(millis(random, 1_500, 4_000)),
                saves_every: random.between(1, 60),
                ..plain
            },
            5 => Habits { conversation: Some(CONVERSATION.into()), ..plain },
            _ => Habits {
                proactive: Some(millis(random, 300, 900)),
                restarts: Some(millis(random, 4_000, 8_000)),
                pause: Some((50, Duration::from_millis(20))),
                saves_every: random.between(1, 20),
                queue: 64,
                ..plain
            },
        }
    }
}
