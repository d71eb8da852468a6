//! What happens to a shard, chosen by bytes.

use super::choices::Choices;

pub(crate) const NAMES: [&str; 3] = ["ann", "bob", "eve"];
pub(crate) const TOPICS: [&str; 4] = ["conv:c1", "conv:c2", "user:ann", "chat:t1"];

/// Accounts, topics, sockets and sessions are named by their places; one that is not there is taken for the next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// A hello is made now and used by a later opening.
    Prepare {
        who: usize,
        is_path: bool,
    },
    Open {
        resumes: bool,
    },
    SendResume {
        which: usize,
        session: usize,
        back: u64,
    },
    Append {
        topic: usize,
    },
    Right {
        who: usize,
        topic: usize,
    },
    Show {
        count: usize,
    },
    Skip {
        count: usize,
    },
    Answer,
    FailRead,
    Block {
        which: usize,
    },
    Progress {
        which: usize,
    },
    Drain {
        which: usize,
    },
    Close {
        which: usize,
    },
    Hear {
        which: usize,
    },
    Ping {
        which: usize,
    },
    Bad {
        which: usize,
    },
    Subscribe {
        which: usize,
        conversation: usize,
        is_logged: bool,
    },
    Say {
        which: usize,
        conversation: usize,
        is_active: bool,
    },
    Disconnect {
        who: usize,
    },
    Pass {
        millis: u64,
    },
}

impl Op {
    /// The next thing that happens.
    pub(crate) fn choose(choices: &mut Choices<'_>) -> Op {
        let kind = choices.below(59);
        let who = |choices: &mut Choices<'_>| choices.index(NAMES.len());
        let topic = |choices: &mut Choices<'_>| choices.index(TOPICS.len());
        let which = |choices: &mut Choices<'_>| choices.index(16);
        let count = |choices: &mut Choices<'_>| 1 + choices.index(5);
        let claim = |choices: &mut Choices<'_>| choices.below(2) > 0;
        let conversation = |choices: &mut Choices<'_>| 1 + choices.index(2);
        match kind {
            0..=2 => Op::Prepare { who: who(choices), is_path: choices.below(10) < 3 },
            3..=6 => Op::Open { resumes: claim(choices) },
            7..=10 => {
                Op::SendResume { which: which(choices), session: choices.index(24), back: choices.below(12) }
            }
            11..=18 => Op::Append { topic: topic(choices) },
            19..=22 => Op::Right { who: who(choices), topic: topic(choices) },
            23..=28 => Op::Show { count: count(choices) },
            29 => Op::Skip { count: count(choices) },
            30..=35 => Op::Answer,
            36 => Op::FailRead,
            37..=38 => Op::Block { which: which(choices) },
            39 => Op::Progress { which: which(choices) },
            40..=42 => Op::Drain { which: which(choices) },
            43 => Op::Close { which: which(choices) },
            44..=45 => Op::Hear { which: which(choices) },
            46 => Op::Ping { which: which(choices) },
            47 => Op::Bad { which: which(choices) },
            48..=50 => Op::Subscribe {
                which: which(choices),
                conversation: conversation(choices),
                is_logged: claim(choices),
            },
            51..=53 => Op::Say {
                which: which(choices),
                conversation: conversation(choices),
                is_active: claim(choices),
            },
            54 => Op::Disconnect { who: who(choices) },
            _ => Op::Pass { millis: 1 + choices.below(20_000) },
        }
    }
}
