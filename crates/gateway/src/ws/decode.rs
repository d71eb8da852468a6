//! How the bytes of one client become messages.

use core::ops::ControlFlow;

use crate::ws::message::Received;
use crate::ws::violation::Violation;

/// Turns the bytes of one client into messages. Small while idle: nothing is held between complete messages.
#[derive(Debug)]
pub struct Decoder {
    max_message: usize,
}

impl Decoder {
    /// A decoder that refuses messages above `max_message` bytes.
    #[must_use]
    pub fn new(max_message: usize) -> Self {
        Decoder { max_message }
    }

    /// Takes what came, in order, and hands every complete message to `sink`. `input` is unmasked in place. When `sink`
    /// breaks, the rest of `input` is dropped and nothing more is decoded.
    ///
    /// # Errors
    /// The first [`Violation`]; the link is over then, further calls return the same.
    pub fn feed(
        &mut self,
        _input: &mut [u8],
        _sink: &mut dyn FnMut(Received<'_>) -> ControlFlow<()>,
    ) -> Result<(), Violation> {
        let _ = self.max_message;
        todo!()
    }
}
