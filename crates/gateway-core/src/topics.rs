//! Who gets what: every topic that somebody follows, with its followers in a dense list.
//!
//! Topics are interned, so that a socket remembers a number, and a delivery hashes once per run of events, never per socket.

use std::collections::HashMap;

use bowline_proto::Topic;
use smallvec::SmallVec;

/// Index of a topic in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicId(u32);

/// One follower of a topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Follower {
    /// Whose.
    pub(crate) slot: u32,
    /// Where in the socket's memberships this topic stands.
    pub(crate) membership: u32,
}

/// Most topics of a gateway are inboxes: one or two followers need no allocation.
pub(crate) type Followers = SmallVec<[Follower; 2]>;

#[derive(Debug)]
struct Entry {
    topic: Topic,
    followers: Followers,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: HashMap<Topic, TopicId>,
    entries: Vec<Option<Entry>>,
    free: Vec<TopicId>,
}

impl Topics {
    pub(crate) fn find(&self, name: &str) -> Option<TopicId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn name(&self, id: TopicId) -> &Topic {
        &self.entries[id.0 as usize].as_ref().expect("a topic lives as long as it has a follower").topic
    }

    pub(crate) fn followers(&mut self, id: TopicId) -> &mut Followers {
        &mut self.entries[id.0 as usize]
            .as_mut()
            .expect("a topic lives as long as it has a follower")
            .followers
    }

    /// Adds a follower; says which topic and where in its list.
    pub(crate) fn follow(&mut self, topic: &Topic, follower: Follower) -> (TopicId, u32) {
        let id = match self.by_name.get(topic) {
            Some(id) => *id,
            None => self.insert(topic),
        };
        let followers = self.followers(id);
        followers.push(follower);
        (id, u32::try_from(followers.len() - 1).expect("a shard holds fewer than 2^32 sockets"))
    }

    fn insert(&mut self, topic: &Topic) -> TopicId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            TopicId(u32::try_from(self.entries.len() - 1).expect("a shard follows fewer than 2^32 topics"))
        });
        self.entries[id.0 as usize] = Some(Entry { topic: topic.clone(), followers: Followers::new() });
        self.by_name.insert(topic.clone(), id);
        id
    }

    /// Takes the follower at `at` out; the last one, if it was another, now stands there and is returned.
    pub(crate) fn unfollow(&mut self, id: TopicId, at: u32) -> Option<Follower> {
        let followers = self.followers(id);
        followers.swap_remove(at as usize);
        let moved = followers.get(at as usize).copied();
        if followers.is_empty()
            && let Some(entry) = self.entries[id.0 as usize].take()
        {
            self.by_name.remove(&entry.topic);
            self.free.push(id);
        }
        moved
    }
}
