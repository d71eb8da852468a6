//! What is decided before a run begins: the world's size and habits, and what breaks when.
//!
//! A plan is made of a seed ([`sampled`]) or read from a file ([`text`]), in which it stays the same whatever becomes of
//! the sampling.

mod fault;
mod fault_sampled;
mod parts;
mod sampled;
mod text;

use bowline_proto::{Account, AccountKind, Time, Topic};
use serde::{Deserialize, Serialize};

pub use fault::FAULTS;
pub(crate) use fault::{Cut, End, Fault, Planned, Rot};
pub(crate) use parts::{
    ClientPlan, Credential, Habit, HostilePlan, Limits, LinkPlan, NodePlan, PublisherPlan, StrangerPlan,
};

use crate::event::PeerNo;

/// Everything that is decided before a run begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The stream of randomness of delays, coin flips and secrets.
    pub(crate) seed: u64,
    /// From then on nothing breaks any more.
    #[serde(with = "text::point")]
    pub(crate) quiet_at: Time,
    /// Then the publishers stop.
    #[serde(with = "text::point")]
    pub(crate) publishers_stop_at: Time,
    /// Then everybody must have everything.
    #[serde(with = "text::point")]
    pub(crate) ends_at: Time,
    /// The run goes on to its end, also when everybody has everything before it.
    pub(crate) stays: bool,
    /// Bytes that a gateway's socket takes before it blocks.
    pub(crate) window: usize,
    pub(crate) node: NodePlan,
    /// Topics that grants open.
    pub(crate) conversations: Vec<String>,
    /// Topics that a claim of a token opens.
    pub(crate) feeds: Vec<String>,
    pub(crate) clients: Vec<ClientPlan>,
    pub(crate) strangers: Vec<StrangerPlan>,
    pub(crate) hostiles: Vec<HostilePlan>,
    pub(crate) publishers: Vec<PublisherPlan>,
    pub(crate) faults: Vec<Planned>,
}

impl Plan {
    /// How many processes dial.
    pub(crate) fn peers(&self) -> usize {
        self.clients.len() + self.strangers.len() + self.hostiles.len()
    }

    /// How a peer's way to the gateway is.
    pub(crate) fn link(&self, peer: PeerNo) -> &LinkPlan {
        let links = self.clients.iter().map(|client| &client.link);
        let links = links.chain(self.strangers.iter().map(|stranger| &stranger.link));
        let mut links = links.chain(self.hostiles.iter().map(|hostile| &hostile.link));
        links.nth(peer).expect("a peer of this plan")
    }

    /// Whose token a peer presents.
    pub(crate) fn identity(&self, peer: PeerNo) -> Identity {
        let stranger = peer.checked_sub(self.clients.len());
        let hostile = stranger.and_then(|number| number.checked_sub(self.strangers.len()));
        if let Some(number) = hostile {
            let hostile = &self.hostiles[number];
            Identity {
                account: account(&hostile.account),
                kind: AccountKind::Human,
                path: None,
                feeds: false,
            }
        } else if let Some(number) = stranger {
            let stranger = &self.strangers[number];
            Identity {
                account: account(&stranger.account),
                kind: AccountKind::Human,
                path: stranger.path.as_deref().map(topic),
                feeds: false,
            }
        } else {
            let client = &self.clients[peer];
            Identity {
                account: account(&client.account),
                kind: if client.agent { AccountKind::Agent } else { AccountKind::Human },
                path: client.path.as_deref().map(topic),
                feeds: !client.feeds.is_empty(),
            }
        }
    }
}

/// What a verified token says, and what the path opens.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) account: Account,
    pub(crate) kind: AccountKind,
    /// This topic on a path of its own; otherwise the account's socket.
    pub(crate) path: Option<Topic>,
    /// The token's claim opens every feed.
    pub(crate) feeds: bool,
}

/// The on-demand topic of a conversation.
pub(crate) fn on_demand(conversation: &str) -> Option<Topic> {
    Topic::activity_of(conversation.strip_prefix("conv:")?).ok()
}

pub(crate) fn topic(text: &str) -> Topic {
    Topic::new(text).expect("the plan's topics are well formed")
}

pub(crate) fn account(text: &str) -> Account {
    Account::new(text).expect("the plan's accounts are well formed")
}
