//! Which number stands for which connection, and the two buffers that all of them share.

use crate::connection::Connection;
use crate::json::Json;

/// What an instance holds.
#[derive(Debug)]
pub(crate) struct Cores {
    slots: Vec<Option<Box<Connection>>>,
    /// Written by the host before a call, read by the call.
    pub(crate) input: Vec<u8>,
    /// Written by a call, read by the host before the next one.
    pub(crate) output: Json,
}

/// A buffer that one call made larger than this is given back after it.
const KEPT: usize = 64 * 1024;

impl Cores {
    pub(crate) const fn new() -> Self {
        Cores { slots: Vec::new(), input: Vec::new(), output: Json { text: Vec::new() } }
    }

    /// A number for `connection`: the lowest that is free.
    pub(crate) fn add(&mut self, connection: Connection) -> usize {
        let connection = Some(Box::new(connection));
        match self.slots.iter().position(Option::is_none) {
            Some(free) => {
                self.slots[free] = connection;
                free
            }
            None => {
                self.slots.push(connection);
                self.slots.len() - 1
            }
        }
    }

    /// Lets a connection go.
    pub(crate) fn remove(&mut self, core: usize) {
        if let Some(slot) = self.slots.get_mut(core) {
            *slot = None;
        }
    }

    /// The connection, what the host has written for it, and where its answer goes, emptied.
    pub(crate) fn call(&mut self, core: usize, length: usize) -> Option<(&mut Connection, &[u8], &mut Json)> {
        let connection = self.slots.get_mut(core)?.as_deref_mut()?;
        empty(&mut self.output.text);
        Some((connection, written(&self.input, length), &mut self.output))
    }

    /// Room for `length` bytes from the host.
    pub(crate) fn make_room(&mut self, length: usize) -> &mut [u8] {
        empty(&mut self.input);
        self.input.resize(length, 0);
        &mut self.input
    }
}

pub(crate) fn written(input: &[u8], length: usize) -> &[u8] {
    input.get(..length).unwrap_or_default()
}

fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT {
        *buffer = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_freed_is_given_again_and_one_that_never_was_finds_nothing() {
        let mut cores = Cores::new();
        let connection = || Connection::new(0.0, &[]);
        assert_eq!([cores.add(connection()), cores.add(connection()), cores.add(connection())], [0, 1, 2]);
        cores.remove(1);
        cores.remove(1);
        cores.remove(usize::MAX);
        assert!(cores.call(1, 0).is_none() && cores.call(usize::MAX, 0).is_none());
        assert!(cores.call(2, usize::MAX).is_some_and(|(_, bytes, _)| bytes.is_empty()));
        assert_eq!([cores.add(connection()), cores.add(connection())], [1, 3]);
    }

    #[test]
    fn a_buffer_that_one_call_made_large_is_given_back() {
        let mut cores = Cores::new();
        assert_eq!(cores.make_room(10 * KEPT).len(), 10 * KEPT);
        assert_eq!(cores.make_room(8).len(), 8);
        assert!(cores.input.capacity() <= KEPT);
    }
}
