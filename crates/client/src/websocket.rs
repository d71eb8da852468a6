//! The one place that knows which WebSocket crate is used.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use bowline_client_core::DialFailure;
use bowline_proto::CloseCode;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::Sink;
use http::header::AUTHORIZATION;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::dial::{DialRequest, Outgoing, Received};
use crate::failure::{of_io, of_status};
use crate::handshake_stream::HandshakeStream;

/// Read and write buffer of a socket. One read takes up to this many bytes of frames; 64 KiB is where reading
/// 200-byte events stops getting cheaper, and half of what the crate would take by itself.
const BUFFER_BYTES: usize = 64 * 1024;

/// A WebSocket over a byte stream, made by [`upgrade`].
#[derive(Debug)]
pub struct WebSocket<S> {
    inner: WebSocketStream<HandshakeStream<S>>,
}

/// Does the WebSocket handshake of `request` over `stream`, which is already connected (and encrypted, if it should
/// be).
///
/// # Errors
/// 401 is [`DialFailure::Unauthorized`]; 408, 425, 429, 5xx and a broken stream are temporary; every other answer but
/// 101 is refused.
pub async fn upgrade<S>(request: &DialRequest, stream: S) -> Result<WebSocket<S>, DialFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut upgrade = request.uri().into_client_request().map_err(|_| DialFailure::Refused {
        message: "the URL cannot be used for a WebSocket: give one like wss://host/path".to_owned(),
    })?;
    if let Some(value) = request.authorization() {
        upgrade.headers_mut().insert(AUTHORIZATION, value.clone());
    }
    let limit = request.message_limit();
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let stream = HandshakeStream::new(stream);
    match tokio_tungstenite::client_async_with_config(upgrade, stream, Some(config)).await {
        Ok((shaken, _)) => {
            let stream = shaken.into_inner();
            Ok(WebSocket {
                inner: WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await,
            })
        }
        Err(Error::Http(response)) => Err(of_status("the upgrade", response.status(), response.headers())),
        Err(Error::Io(error)) => Err(of_io("the connection broke during the upgrade", &error)),
        // What else goes wrong here is an answer that is not HTTP or not a WebSocket upgrade. It may be a proxy's bad
        // moment, so it is tried again.
        Err(error) => Err(DialFailure::Temporary {
            retry_after: None,
            message: format!("the server's answer is no WebSocket upgrade ({error}): is the URL right?"),
        }),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// The messages below, binary ones among them: the protocol has text frames only, a conformance suite for WebSockets
    /// has more.
    #[doc(hidden)]
    pub fn into_messages(
        self,
    ) -> impl Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin {
        self.inner
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Received;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        let Some(message) = ready!(Pin::new(&mut self.inner).poll_next(cx)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(match message {
            Ok(Message::Text(text)) => Some(Received::Text(Bytes::from(text))),
            Ok(Message::Binary(_)) => Some(Received::Bad("a binary message".to_owned())),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Some(Received::Alive),
            Ok(Message::Close(Some(frame))) => Some(Received::Closed(CloseCode(frame.code.into()))),
            Ok(Message::Close(None)) => Some(Received::Closed(CloseCode::NO_STATUS)),
            // Both rules cannot be broken and survived: the bytes behind are not read any more.
            Err(Error::Capacity(error)) => Some(Received::Bad(error.to_string())),
            Err(Error::Utf8(_)) => Some(Received::Bad("a text message that is not UTF-8".to_owned())),
            Err(error) => {
                tracing::debug!(%error, "the socket broke");
                None
            }
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Outgoing> for WebSocket<S> {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_ready(cx).map_err(into_io)
    }

    fn start_send(mut self: Pin<&mut Self>, outgoing: Outgoing) -> io::Result<()> {
        let message = match outgoing {
            Outgoing::Text(text) => Message::Text(text.into()),
            Outgoing::Close(code) => {
                Message::Close(Some(CloseFrame { code: code.0.into(), reason: code.name().into() }))
            }
        };
        Pin::new(&mut self.inner).start_send(message).map_err(into_io)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx).map_err(into_io)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx).map_err(into_io)
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}
