//! Part of the decoder.
