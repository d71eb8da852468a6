//! What the application on a client does: it takes what comes, changes its wishes, says what it is doing, sends messages.

use bowline_client_core::{Command, ConnectionState, MessageId};
use bowline_proto::{ActivityStatus, Topic};

use crate::env::Env;
use crate::event::PeerEvent;
use crate::messages;
use crate::network::Network;

use super::{ClientHost, Process, READ_AGAIN_BELOW};

impl ClientHost {
    /// The application takes the next thing.
    pub(crate) fn app_takes(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life || self.process.is_none() {
            return;
        }
        self.app.take(env, life);
        let calm = self.app.waiting() < READ_AGAIN_BELOW;
        if calm && self.process.as_ref().is_some_and(|process| process.read_paused) {
            self.set_read_paused(env, net, false);
        }
    }

    /// The application stops taking anything, or takes again.
    pub(crate) fn set_app_stopped(&mut self, env: &mut Env, stopped: bool) {
        self.app.set_stopped(env, self.life, stopped);
    }

    /// The application asks for a connection again.
    pub(crate) fn connect(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        let closed = |process: &Process| matches!(process.core.state(), ConnectionState::Closed(_));
        if life == self.life && self.process.as_ref().is_some_and(closed) {
            env.counters.count("client: connects again after a terminal close");
            self.command(env, net, Command::Connect);
        }
    }

    /// The application does something of its own.
    pub(crate) fn act(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life || self.process.is_none() {
            return;
        }
        self.later(env, self.plan.acts_every, PeerEvent::Acts { life });
        let (messages, changes) = self.plan.acts;
        let act = self.rng.below(10);
        if act < messages {
            self.send_messages(env, net);
        } else if act < messages + changes {
            self.change_wishes(env, net);
        } else if !self.plan.conversations.is_empty() {
            let conversation = self.rng.pick(&self.plan.conversations).clone();
            let conversation_id = conversation.trim_start_matches("conv:").into();
            let status = match self.rng.below(5) {
                0 => ActivityStatus::Idle,
                1 => ActivityStatus::ToolCalling,
                2 => ActivityStatus::Thinking,
                _ => ActivityStatus::Typing,
            };
            self.command(env, net, Command::SendActivity { conversation_id, status });
        }
    }

    fn change_wishes(&mut self, env: &mut Env, net: &mut Network) {
        if self.wishes.is_empty() {
            return;
        }
        let wishes: Vec<Topic> =
            (0..self.rng.between(1, 3)).map(|_| self.rng.pick(&self.wishes).clone()).collect();
        if self.rng.percent(55) {
            self.app.wishes(&wishes);
            self.command(env, net, Command::Subscribe(wishes));
        } else {
            // With news waiting, the application could not tell an answer to this wish from one to an earlier.
            let wishes: Vec<Topic> =
                wishes.into_iter().filter(|topic| topic.is_on_demand() || self.app.waiting() == 0).collect();
            self.app.wishes_no_more(env, &wishes);
            self.command(env, net, Command::Unsubscribe(wishes));
        }
    }

    fn send_messages(&mut self, env: &mut Env, net: &mut Network) {
        for _ in 0..self.rng.between(1, 4) {
            self.messages += 1;
            let number = self.messages;
            env.messages.taken(self.number, number);
            let bytes = messages::text(number).len();
            if !self.command(env, net, Command::Send { message: MessageId(number), bytes }) {
                env.messages.refused(self.number, number);
            }
        }
    }

    /// A command of the application's; whether the core takes it: a refusal is an answer like any other.
    pub(crate) fn command(&mut self, env: &mut Env, net: &mut Network, command: Command) -> bool {
        let now = self.clock(env);
        let Some(process) = &mut self.process else { return false };
        if matches!(command, Command::HandOver) {
            process.manners.asked_to_move();
        }
        let is_taken = process.core.command(now, command.clone()).is_ok();
        if is_taken {
            process.wishes.wished(command);
        } else {
            env.counters.count("client: a command was refused");
        }
        self.drain(env, net);
        self.watch_wishes(env);
        is_taken
    }
}
