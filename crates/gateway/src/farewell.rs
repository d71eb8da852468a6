//! How a peer that is not served hears why before its connection ends.

use std::io;
use std::time::Duration;

use bowline_proto::{Rejected, ServerFrame, encode_server_frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::admission::Rejection;
use crate::ws;

/// How long a peer that was told off may take to leave.
const LINGER: Duration = Duration::from_secs(5);

/// The frames that tell a peer why it is closed.
pub(crate) fn push_rejection(out: &mut Vec<u8>, rejection: Rejection) {
    let code = rejection.code;
    let frame = ServerFrame::Rejected(Rejected {
        reason: rejection.reason.to_owned(),
        message: rejection.message,
        retry_after: None,
    });
    ws::push_text(out, encode_server_frame(&frame).as_bytes());
    ws::push_close(out, code);
}

/// Writes `answer`, ends our side, and waits for the peer to end its own: a reset could overtake the answer.
pub(crate) async fn say_and_leave<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T, answer: &[u8]) {
    let farewell = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let mut noise = [0; 1024];
        while stream.read(&mut noise).await? > 0 {}
        io::Result::Ok(())
    };
    let _left = timeout(LINGER, farewell).await;
}
