//! Where the frames of a WebSocket begin and end, read off the bytes of one direction.
//!
//! Up to the first empty line it is HTTP; behind an accepted upgrade it is frames (RFC 6455, section 5.2); behind
//! any other head it stays raw. Nothing is checked and nothing is changed: the pieces, joined, are the bytes that came.

/// One unit of a direction, whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A request or an answer up to its empty line.
    Head(Vec<u8>),
    /// A frame with its header.
    Frame(Vec<u8>),
    /// Bytes of plain HTTP.
    Raw(Vec<u8>),
}

impl Piece {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Piece::Head(bytes) | Piece::Frame(bytes) | Piece::Raw(bytes) => bytes,
        }
    }

    /// Is it a close frame (opcode 8)?
    pub(crate) fn is_close(&self) -> bool {
        matches!(self, Piece::Frame(bytes) if bytes[0] & 0x0F == 8)
    }

    pub(crate) fn is_frame(&self) -> bool {
        matches!(self, Piece::Frame(_))
    }
}

/// Cuts the bytes of one direction into pieces.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    stage: Stage,
    /// What came and is not part of a whole piece yet.
    waiting: Vec<u8>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Head,
    Frames,
    Raw,
}

impl Wire {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next whole piece.
    pub(crate) fn next(&mut self) -> Option<Piece> {
        match self.stage {
            Stage::Head => {
                let end = self.waiting.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
                let head = self.take(end);
                self.stage = if is_upgrade(&head) { Stage::Frames } else { Stage::Raw };
                Some(Piece::Head(head))
            }
            Stage::Frames => {
                let length = frame_length(&self.waiting).filter(|length| *length <= self.waiting.len())?;
                Some(Piece::Frame(self.take(length)))
            }
            Stage::Raw if self.waiting.is_empty() => None,
            Stage::Raw => Some(Piece::Raw(std::mem::take(&mut self.waiting))),
        }
    }

    /// What is left when the direction has ended: an unfinished piece.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let behind = self.waiting.split_off(length);
        std::mem::replace(&mut self.waiting, behind)
    }
}

/// A request for an upgrade, or the answer that grants one.
fn is_upgrade(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    text.starts_with("http/1.1 101") || text.contains("upgrade: websocket")
}

/// The length of the frame that `bytes` begin with, header included; `None` while the header is not whole.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let second = *bytes.get(1)?;
    let (header, payload) = match second & 0x7F {
        126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    Some((header + mask as u64).saturating_add(payload).try_into().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, is_masked: bool, payload: usize) -> Vec<u8> {
        let mask = if is_masked { 0x80 } else { 0 };
        let mut frame = vec![0x80 | opcode];
        match payload {
            0..126 => frame.push(mask | payload as u8),
            126..65_536 => {
                frame.push(mask | 126);
                frame.extend_from_slice(&(payload as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend_from_slice(&(payload as u64).to_be_bytes());
            }
        }
        frame.resize(frame.len() + payload + if is_masked { 4 } else { 0 }, b'x');
        frame
    }

    fn pieces(stream: &[u8], chunk: usize) -> (Vec<Piece>, Vec<u8>) {
        let mut wire = Wire::default();
        let mut pieces = Vec::new();
        for bytes in stream.chunks(chunk) {
            wire.push(bytes);
            while let Some(piece) = wire.next() {
                pieces.push(piece);
            }
        }
        (pieces, wire.rest())
    }

    #[test]
    fn frames_of_every_length_form_are_found_in_any_slicing_and_no_byte_changes() {
        let head = b"GET /agent HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n".to_vec();
        let frames = [
            frame(1, true, 0),
            frame(9, true, 125),
            frame(2, false, 126),
            frame(1, true, 70_000),
            frame(8, true, 2),
        ];
        let mut stream = head.clone();
        frames.iter().for_each(|frame| stream.extend_from_slice(frame));
        stream.extend_from_slice(&[0x81, 5, b'h']);
        for chunk in [1, 2, 7, 4096, stream.len()] {
            let (found, rest) = pieces(&stream, chunk);
            assert_eq!(found[0], Piece::Head(head.clone()), "in chunks of {chunk}");
            assert_eq!(found.len(), 6, "in chunks of {chunk}");
            for (piece, frame) in found[1..].iter().zip(&frames) {
                assert_eq!(piece.bytes(), &frame[..]);
            }
            assert!(found[5].is_close() && !found[1].is_close());
            assert_eq!(rest, [0x81, 5, b'h']);
        }
    }

    #[test]
    fn what_is_no_upgrade_passes_as_it_comes() {
        let stream = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        let (found, rest) = pieces(stream, stream.len());
        let bytes: Vec<u8> = found.iter().flat_map(|piece| piece.bytes().to_vec()).collect();
        assert_eq!(bytes, stream);
        assert!(rest.is_empty() && found.iter().all(|piece| !piece.is_frame()));
    }
}
