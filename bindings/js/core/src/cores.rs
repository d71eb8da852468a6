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
